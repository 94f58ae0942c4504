//! The settings of auxiliary terms, and which of them make no sense.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::TrainSpec;
use crate::{
    failure::Failure,
    model::auxiliary::{Auxiliary, Depth, Extractor, ExtractorInit, MOST_LANGUAGES, SigmaScale, Term},
    stage::contract::Problem,
};

/// What singular values are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Nothing, as the paper's formula is reported.
    None,
    /// The largest of them as a constant, as in the released code.
    DetachFirst,
}

/// A hidden state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Layer {
    /// By its number: 0 are the embeddings, k is what layer k gives.
    Number(usize),
    /// By the share of all layers, 0.0 to 1.0.
    Share(f64),
    /// By name.
    Name(Last),
}

/// The name of a hidden state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Last {
    /// What the last layer gives.
    Last,
}

/// How an extractor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// As `torch.nn.Linear` does: weights and bias uniform within 1 / sqrt(inputs).
    Kaiming,
    /// Xavier-uniform weights, bias 0.
    XavierZeroBias,
}

/// A term beside the objective that brings the hidden states of one prompt in several languages together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuxiliarySpec {
    /// The languages whose prompts are compared; every question must have a prompt in each.
    pub languages: Vec<String>,
    /// Its weight beside the objective.
    #[serde(default = "weight")]
    pub weight: f64,
    /// For `mlc`: the temperature of the singular values; 0.2 by default.
    #[serde(default)]
    pub tau: Option<f64>,
    /// For `mlc`: what the singular values are divided by; `detach-first` by default.
    #[serde(default)]
    pub sigma_scale: Option<Scale>,
    /// The hidden state that is compared, at the last token of each prompt: a number, a share of all layers, or `last`.
    #[serde(default = "layer")]
    pub layer: Layer,
    /// Whether the last layer's state passes through the model's final norm.
    #[serde(default = "yes")]
    pub final_norm: bool,
    /// The width of the linear map that the states pass through, which is trained with the model; 0 for none.
    #[serde(default = "extractor_dim")]
    pub extractor_dim: usize,
    /// How the linear map begins.
    #[serde(default = "extractor_init")]
    pub extractor_init: Init,
    /// The learning rate of the linear map; that of the stage by default.
    #[serde(default)]
    pub extractor_learning_rate: Option<f64>,
    /// The term is added in every so-manyth optimizer step, the first included. Its weight stays the same.
    #[serde(default = "every")]
    pub every: usize,
}

fn weight() -> f64 {
    0.8
}
fn layer() -> Layer {
    Layer::Name(Last::Last)
}
fn yes() -> bool {
    true
}
fn extractor_dim() -> usize {
    512
}
fn extractor_init() -> Init {
    Init::Kaiming
}
fn every() -> usize {
    2
}
const TAU: f64 = 0.2;

/// The term that a recipe asks for, with the name of its table.
pub(super) fn given(spec: &TrainSpec) -> Option<(&'static str, &AuxiliarySpec)> {
    let mlc = spec.mlc.as_ref().map(|aux| ("mlc", aux));
    mlc.or_else(|| spec.cosine.as_ref().map(|aux| ("cosine", aux)))
}

/// Writes the defaults of `mlc` out.
pub(super) fn fill(spec: &mut TrainSpec) {
    if let Some(mlc) = &mut spec.mlc {
        mlc.tau.get_or_insert(TAU);
        mlc.sigma_scale.get_or_insert(Scale::DetachFirst);
    }
}

/// The term as training takes it.
pub(super) fn term(spec: &TrainSpec) -> Option<Auxiliary> {
    let (name, aux) = given(spec)?;
    let sigma_scale = match aux.sigma_scale {
        Some(Scale::None) => SigmaScale::None,
        Some(Scale::DetachFirst) | None => SigmaScale::DetachFirst,
    };
    let init = match aux.extractor_init {
        Init::Kaiming => ExtractorInit::Kaiming,
        Init::XavierZeroBias => ExtractorInit::XavierZeroBias,
    };
    let width = aux.extractor_dim;
    Some(Auxiliary {
        term: if name == "mlc" {
            Term::Mlc { tau: aux.tau.unwrap_or(TAU), sigma_scale }
        } else {
            Term::Cosine
        },
        weight: aux.weight,
        depth: match aux.layer {
            Layer::Number(number) => Depth::Layer(number),
            Layer::Share(share) => Depth::Share(share),
            Layer::Name(Last::Last) => Depth::Last,
        },
        final_norm: aux.final_norm,
        extractor: (width > 0).then_some(Extractor {
            width,
            init,
            learning_rate: aux.extractor_learning_rate,
        }),
        every: aux.every,
        languages: aux.languages.len(),
    })
}

/// A layer that the model does not have.
pub(super) fn check_layer(spec: &TrainSpec, layers: usize) -> Result<(), Failure> {
    match term(spec) {
        Some(aux) if aux.depth.layer(layers).is_none() => {
            let message =
                format!("`{}.layer` is beyond the model's {layers} layers: {:?}", aux.term.name(), aux.depth);
            Err(Failure::input(message)
                .hint("use a number up to that of layers, a share such as 0.5, or `last`"))
        }
        _ => Ok(()),
    }
}

/// Settings that make no sense, all of them.
pub(super) fn check(spec: &TrainSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if spec.mlc.is_some() && spec.cosine.is_some() {
        problems.push(Problem::new(
            "cosine",
            "a stage has one auxiliary term, and this one has `mlc`",
            "remove one",
        ));
    }
    match (given(spec), &spec.prompts) {
        (Some((name, _)), None) => problems.push(Problem::new(
            name,
            format!("`{name}` needs `prompts`"),
            "add `prompts = \"STAGE\"`: questions with the same id in every language",
        )),
        (None, Some(_)) => problems.push(Problem::new(
            "prompts",
            "only the auxiliary terms `mlc` and `cosine` read prompts",
            "add a table `mlc` or `cosine`, or remove the line",
        )),
        _ => {}
    }
    let tables = [("mlc", &spec.mlc), ("cosine", &spec.cosine)];
    problems
        .extend(tables.into_iter().filter_map(|(name, aux)| Some((name, aux.as_ref()?))).flat_map(numbers));
    problems
}

fn numbers((name, aux): (&'static str, &AuxiliarySpec)) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut want = |good: bool, field: &str, message: String, hint: &str| {
        if !good {
            problems.push(Problem::new(format!("{name}.{field}"), message, hint));
        }
    };
    let positive = |x: f64| x.is_finite() && x > 0.0;
    let out = |field: &str, value: String| format!("`{field}` is out of range: {value}");
    let above = "use a number above 0";
    let mut sorted = aux.languages.clone();
    sorted.sort();
    sorted.dedup();
    want(
        (2..=MOST_LANGUAGES).contains(&aux.languages.len()),
        "languages",
        format!("{} languages cannot be compared", aux.languages.len()),
        "name 2 to 16 languages",
    );
    want(
        sorted.len() == aux.languages.len(),
        "languages",
        "a language is named twice".to_owned(),
        "name each language once",
    );
    want(
        aux.weight.is_finite() && aux.weight >= 0.0,
        "weight",
        out("weight", aux.weight.to_string()),
        "use 0 or more",
    );
    if let Some(tau) = aux.tau {
        want(name == "mlc", "tau", "`cosine` has no temperature".to_owned(), "remove the line");
        want(positive(tau), "tau", out("tau", tau.to_string()), above);
    }
    if aux.sigma_scale.is_some() {
        want(name == "mlc", "sigma_scale", "`cosine` has no singular values".to_owned(), "remove the line");
    }
    if let Layer::Share(share) = aux.layer {
        want(
            (0.0..=1.0).contains(&share),
            "layer",
            out("layer", share.to_string()),
            "use a share from 0.0 to 1.0",
        );
    }
    if let Some(rate) = aux.extractor_learning_rate {
        want(
            positive(rate),
            "extractor_learning_rate",
            out("extractor_learning_rate", rate.to_string()),
            above,
        );
    }
    want(aux.every > 0, "every", "`every` is 0".to_owned(), "use 1 for every step");
    problems
}
