//! `decoder`: a decoder with random weights, to be trained from scratch.

use std::sync::Arc;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    artifact::{MODEL, TOKENIZER},
    checkpoint::{
        Weights,
        folder::{self, ModelFiles},
    },
    failure::{Failure, bug},
    model::{
        arch::llama::LlamaConfig,
        layer::attention::Heads,
        parameter::{Parameter, Role},
    },
    random::Draws,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::{Ports, Reference},
    },
    tensor::Tensor,
    token::Tokenizer,
};

/// Makes a decoder with random weights.
#[derive(Debug)]
pub enum Decoder {}

/// Which network it is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// `RMSNorm`, rotary positions, grouped query heads, `SwiGLU`.
    #[default]
    Llama,
}

/// Settings of `decoder`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The tokenizer it reads and writes with; its size is the size of the vocabulary.
    #[serde(skip_serializing)]
    pub tokenizer: Reference,
    /// Which network it is.
    #[serde(default)]
    pub architecture: Architecture,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Number of attention heads; divides the hidden size into even parts.
    pub heads: usize,
    /// Number of heads with keys and values of their own; as many as `heads` by default.
    #[serde(default)]
    pub key_value_heads: Option<usize>,
    /// Units of the feed-forward layers.
    pub feed_forward_size: usize,
    /// The longest text, in tokens.
    pub context: usize,
    /// Whether the output head is the embedding table.
    #[serde(default = "yes")]
    pub tied_embeddings: bool,
    /// Base of the rotary frequencies.
    #[serde(default = "theta")]
    pub rope_theta: f64,
    /// What the normalisations add to the mean square.
    #[serde(default = "epsilon")]
    pub rms_norm_eps: f64,
    /// Standard deviation of the random weights.
    #[serde(default = "range")]
    pub initializer_range: f64,
    /// Which random weights.
    #[serde(default)]
    pub seed: u64,
}

fn yes() -> bool {
    true
}

fn theta() -> f64 {
    10_000.0
}

fn epsilon() -> f64 {
    1e-5
}

fn range() -> f64 {
    0.02
}

impl Kind for Decoder {
    const NAME: &'static str = "decoder";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a decoder with random weights, to be trained from scratch";
    const SECTION: Section = Section::Model;
    type Spec = Spec;

    fn ports(spec: &Spec) -> Ports {
        Ports::default().reads("tokenizer", &spec.tokenizer, TOKENIZER).writes("model", MODEL)
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        let mut problems = Vec::new();
        let sizes = [
            ("hidden_size", spec.hidden_size),
            ("layers", spec.layers),
            ("heads", spec.heads),
            ("key_value_heads", spec.key_value_heads.unwrap_or(spec.heads)),
            ("feed_forward_size", spec.feed_forward_size),
            ("context", spec.context),
        ];
        for (field, size) in sizes {
            if !(1..=LARGEST).contains(&size) {
                problems.push(Problem::new(field, format!("not a size: {size}"), format!("1 to {LARGEST}")));
            }
        }
        for (field, value) in [
            ("rope_theta", spec.rope_theta),
            ("rms_norm_eps", spec.rms_norm_eps),
            ("initializer_range", spec.initializer_range),
        ] {
            if !(value.is_finite() && value > 0.0) {
                problems.push(Problem::new(
                    field,
                    format!("not a positive number: {value}"),
                    "it must be > 0",
                ));
            }
        }
        if problems.is_empty() {
            problems.extend(heads_problem(spec));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &Spec) -> Result<(), Failure> {
        let tokenizer_files = ModelFiles::of(cx.input("tokenizer"));
        let tokenizer = Tokenizer::open(&tokenizer_files)?;
        let config = config(spec, tokenizer.vocabulary_size());
        let mut fields = config.to_json();
        let special = tokenizer.special();
        for (name, id) in
            [("bos_token_id", special.begin), ("eos_token_id", special.end()), ("pad_token_id", special.pad)]
        {
            fields.insert(name.to_owned(), json!(id));
        }
        fields.insert("initializer_range".to_owned(), json!(spec.initializer_range));
        let folder = cx.create_folder("model")?;
        folder::write(&folder, &fields, &weights(&config.network()?.parameters(), spec))?;
        tokenizer_files.copy_companions(&folder)
    }
}

/// No size of a decoder is larger; larger ones are slips of the pen, and would overflow when multiplied.
const LARGEST: usize = 1 << 24;

fn heads_problem(spec: &Spec) -> Option<Problem> {
    let Spec { hidden_size, heads, .. } = *spec;
    let key_value = spec.key_value_heads.unwrap_or(heads);
    if hidden_size % heads != 0 || (hidden_size / heads) % 2 != 0 {
        let message = format!("{heads} heads do not divide a hidden size of {hidden_size} into even parts");
        return Some(Problem::new("heads", message, "hidden_size / heads must be an even whole number"));
    }
    if heads % key_value != 0 {
        let message = format!("{heads} heads cannot share {key_value} key-value heads evenly");
        return Some(Problem::new("key_value_heads", message, "it must divide heads"));
    }
    None
}

fn config(spec: &Spec, vocabulary: usize) -> LlamaConfig {
    let Architecture::Llama = spec.architecture;
    LlamaConfig {
        vocabulary,
        width: spec.hidden_size,
        inner: spec.feed_forward_size,
        layers: spec.layers,
        heads: Heads {
            query: spec.heads,
            key_value: spec.key_value_heads.unwrap_or(spec.heads),
            width: spec.hidden_size / spec.heads,
        },
        positions: spec.context,
        norm_epsilon: spec.rms_norm_eps,
        rope_theta: spec.rope_theta,
        tied: spec.tied_embeddings,
    }
}

/// Normal numbers for matrices and embeddings, ones for gains, zeros for what is added. A tensor's numbers depend on seed and name alone.
fn weights(parameters: &[Parameter], spec: &Spec) -> Weights {
    let draw = |parameter: &Parameter| {
        let count = parameter.shape.iter().product();
        let values: Vec<f32> = match parameter.role {
            Role::Gain => vec![1.0; count],
            Role::Bias => vec![0.0; count],
            Role::Embedding | Role::Matrix => {
                let mut draws = Draws::new(spec.seed, &parameter.name, 0);
                (0..count).map(|_| (draws.normal() * spec.initializer_range) as f32).collect()
            }
        };
        let tensor =
            Tensor::f32(&parameter.shape, values).unwrap_or_else(|| bug("as many as the shape says"));
        (parameter.name.clone(), Arc::new(tensor))
    };
    parameters.par_iter().map(draw).collect()
}
