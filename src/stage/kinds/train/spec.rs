//! The settings of a `train` stage, and which of them make no sense.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::lora::LoraSpec;
use crate::{
    artifact::{
        ADAPTER, MODEL,
        row::{
            Row, completion::Completion, log_probability::PairLogProbability, pair::Pair, text::Text,
            training_step::TrainingStep,
        },
    },
    model::{
        loss::{self, Examples, LOSSES, Loss},
        optim::schedule::Schedule,
    },
    stage::{
        contract::Problem,
        kinds::chat::{self, ChatSpec},
        port::{Ports, Reference},
    },
    token::Joint,
};

/// Settings of a `train` stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// The model to start from.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// What to learn: `lm`, `sft` or `dpo`.
    pub objective: Objective,
    /// Texts, for `lm`.
    #[serde(default, skip_serializing)]
    pub texts: Option<Reference>,
    /// Prompts with completions, for `sft`.
    #[serde(default, skip_serializing)]
    pub completions: Option<Reference>,
    /// Preference pairs, for `dpo`.
    #[serde(default, skip_serializing)]
    pub pairs: Option<Reference>,
    /// Log-probabilities of the pairs under the reference model, for `dpo`.
    #[serde(default, skip_serializing)]
    pub reference: Option<Reference>,
    /// Passes over the data; may be a fraction.
    #[serde(default = "one")]
    pub epochs: f64,
    /// Optimizer steps; replaces `epochs`.
    #[serde(default)]
    pub steps: Option<usize>,
    /// Examples per batch.
    #[serde(default = "batch_size")]
    pub batch_size: usize,
    /// Batches per optimizer step.
    #[serde(default = "single")]
    pub accumulation: usize,
    /// Lets examples of a batch share rows without seeing each other; a batch holds the same examples either way.
    #[serde(default = "yes")]
    pub packing: bool,
    /// Computes the inside of each layer a second time in the backward pass instead of keeping it: much less memory, about
    /// a third more time, the same result.
    #[serde(default)]
    pub recompute: bool,
    /// The highest learning rate.
    #[serde(default = "learning_rate")]
    pub learning_rate: f64,
    /// How the learning rate falls after the warm-up.
    #[serde(default = "schedule")]
    pub schedule: Schedule,
    /// The share of all steps over which the learning rate rises from 0.
    #[serde(default)]
    pub warmup_ratio: f64,
    /// Decoupled weight decay of all but norms and biases.
    #[serde(default)]
    pub weight_decay: f64,
    /// Decay of AdamW's first and second moment.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// AdamW's epsilon.
    #[serde(default = "eps")]
    pub eps: f64,
    /// The gradient's global norm is clipped to this; 0 for no clipping.
    #[serde(default = "one")]
    pub max_grad_norm: f64,
    /// Decides the order of the examples, the first values of LoRA matrices and what dropout drops.
    #[serde(default)]
    pub seed: u64,
    /// How strongly `dpo` holds on to the reference model.
    #[serde(default = "beta")]
    pub beta: f64,
    /// The longest sequence in tokens; by default what the model admits.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// The longest prompt in tokens; longer ones lose their beginning.
    #[serde(default)]
    pub max_prompt_length: Option<usize>,
    /// Whether the end-of-text token follows each text or completion, so that the model learns to stop.
    #[serde(default = "yes")]
    pub append_end: bool,
    /// How prompt and completion become tokens: `separate` by default, `together` with `chat`.
    #[serde(default)]
    pub joint: Option<Joint>,
    /// Whether prompts pass through the chat template that comes with the model, as a user's message: `true`, or a table
    /// with more about it.
    #[serde(default, deserialize_with = "chat::deserialize")]
    #[schemars(schema_with = "chat::schema")]
    pub chat: Option<ChatSpec>,
    /// Trains low-rank adapters instead of all weights.
    #[serde(default)]
    pub lora: Option<LoraSpec>,
}

fn one() -> f64 {
    1.0
}
fn yes() -> bool {
    true
}
fn batch_size() -> usize {
    8
}
fn single() -> usize {
    1
}
fn learning_rate() -> f64 {
    5e-5
}
fn schedule() -> Schedule {
    Schedule::Linear
}
fn betas() -> [f64; 2] {
    [0.9, 0.999]
}
fn eps() -> f64 {
    1e-8
}
fn beta() -> f64 {
    0.1
}
/// One of the objectives of [`LOSSES`], by name.
#[derive(Clone, Copy, Debug)]
pub struct Objective(pub &'static dyn Loss);

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        loss::find(&name).map(Self).ok_or_else(|| {
            let known: Vec<String> = LOSSES.iter().map(|loss| format!("`{}`", loss.name())).collect();
            de::Error::custom(format!("unknown objective `{name}`, expected one of {}", known.join(", ")))
        })
    }
}

impl JsonSchema for Objective {
    fn schema_name() -> Cow<'static, str> {
        "Objective".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = LOSSES.iter().map(|loss| loss.name()).collect();
        let about: Vec<String> =
            LOSSES.iter().map(|loss| format!("`{}`: {}", loss.name(), loss.about())).collect();
        json_schema!({ "type": "string", "enum": names, "description": format!("What to learn. {}.", about.join("; ")) })
    }
}

/// The setting that holds the rows of an objective.
pub(super) fn field_of(examples: Examples) -> &'static str {
    match examples {
        Examples::Texts => "texts",
        Examples::Completions => "completions",
        Examples::Pairs => "pairs",
    }
}

impl TrainSpec {
    /// What the stage reads and writes.
    pub(super) fn ports(&self) -> Ports {
        let mut ports = Ports::default().reads("model", &self.model, MODEL);
        let rows = [
            ("texts", &self.texts, Text::KIND),
            ("completions", &self.completions, Completion::KIND),
            ("pairs", &self.pairs, Pair::KIND),
            ("reference", &self.reference, PairLogProbability::KIND),
        ];
        for (field, reference, kind) in rows {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        ports = ports.writes("model", MODEL).writes("steps", TrainingStep::KIND);
        if self.lora.is_some() { ports.writes("adapter", ADAPTER) } else { ports }
    }

    /// Settings that make no sense, all of them.
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut problems = self.check_inputs();
        problems.extend(self.check_counts());
        problems.extend(self.check_rates());
        if let Some(lora) = &self.lora {
            problems.extend(lora.check());
        }
        problems.extend(ChatSpec::check(self.chat.as_ref()));
        if self.chat.is_some() && self.objective.0.examples() == Examples::Texts {
            let message = format!("objective `{}` learns texts as they are", self.objective.0.name());
            let hint = "leave it out, or give the conversations as `completions` with objective `sft`";
            problems.push(Problem::new("chat", message, hint));
        }
        problems
    }

    fn check_inputs(&self) -> Vec<Problem> {
        let objective = self.objective.0;
        let wanted = field_of(objective.examples());
        let name = objective.name();
        let given = [("texts", &self.texts), ("completions", &self.completions), ("pairs", &self.pairs)];
        let mut problems = Vec::new();
        for (field, reference) in given {
            if field == wanted && reference.is_none() {
                problems.push(Problem::new(
                    "objective",
                    format!("objective `{name}` needs `{field}`"),
                    format!("add `{field} = \"STAGE\"`"),
                ));
            } else if field != wanted && reference.is_some() {
                problems.push(Problem::new(
                    field,
                    format!("objective `{name}` does not read `{field}`"),
                    format!("it reads `{wanted}`"),
                ));
            }
        }
        match (objective.needs_reference(), &self.reference) {
            (true, None) => problems.push(Problem::new(
                "objective",
                format!("objective `{name}` needs `reference`"),
                "add a `score` stage over the same pairs and model, and name it here",
            )),
            (false, Some(_)) => problems.push(Problem::new(
                "reference",
                format!("objective `{name}` does not read `reference`"),
                "remove the line",
            )),
            _ => {}
        }
        problems
    }

    fn check_counts(&self) -> Vec<Problem> {
        let counts = [
            ("steps", self.steps),
            ("batch_size", Some(self.batch_size)),
            ("accumulation", Some(self.accumulation)),
            ("max_prompt_length", self.max_prompt_length),
        ];
        let mut problems: Vec<Problem> = counts
            .into_iter()
            .filter(|(_, count)| *count == Some(0))
            .map(|(field, _)| Problem::new(field, format!("`{field}` is 0"), "use 1 or more"))
            .collect();
        if self.max_length.is_some_and(|length| length < 2) {
            problems.push(Problem::new(
                "max_length",
                "sequences of fewer than 2 tokens teach nothing",
                "use the model's context length, or leave it out",
            ));
        }
        problems
    }

    fn check_rates(&self) -> Vec<Problem> {
        let positive = "use a number above 0";
        let not_negative = "use 0 or a number above 0";
        let fraction = "use a number from 0 to 1";
        let moment = "use a number from 0 to below 1, such as 0.9 or 0.999";
        let is_positive = |x: f64| x.is_finite() && x > 0.0;
        let is_not_negative = |x: f64| x.is_finite() && x >= 0.0;
        let is_fraction = |x: f64| (0.0..=1.0).contains(&x);
        let is_moment = |x: f64| (0.0..1.0).contains(&x);
        [
            ("epochs", self.epochs, is_positive(self.epochs), positive),
            ("learning_rate", self.learning_rate, is_positive(self.learning_rate), positive),
            ("warmup_ratio", self.warmup_ratio, is_fraction(self.warmup_ratio), fraction),
            ("weight_decay", self.weight_decay, is_not_negative(self.weight_decay), not_negative),
            ("betas", self.betas[0], is_moment(self.betas[0]), moment),
            ("betas", self.betas[1], is_moment(self.betas[1]), moment),
            ("eps", self.eps, is_positive(self.eps), positive),
            ("max_grad_norm", self.max_grad_norm, is_not_negative(self.max_grad_norm), not_negative),
            ("beta", self.beta, is_positive(self.beta), positive),
        ]
        .into_iter()
        .filter(|(_, _, good, _)| !good)
        .map(|(field, value, _, hint)| {
            Problem::new(field, format!("`{field}` is out of range: {value}"), hint)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: &str) -> TrainSpec {
        toml::from_str(&format!("model = \"base\"\n{more}")).unwrap()
    }

    #[test]
    fn every_number_that_makes_no_sense_is_named() {
        let cases = [
            ("learning_rate = nan", "learning_rate"),
            ("learning_rate = -1e-4", "learning_rate"),
            ("learning_rate = 0.0", "learning_rate"),
            ("epochs = inf", "epochs"),
            ("epochs = 0.0", "epochs"),
            ("steps = 0", "steps"),
            ("batch_size = 0", "batch_size"),
            ("accumulation = 0", "accumulation"),
            ("warmup_ratio = 1.5", "warmup_ratio"),
            ("weight_decay = -0.1", "weight_decay"),
            ("betas = [0.9, 1.0]", "betas"),
            ("eps = 0.0", "eps"),
            ("max_grad_norm = nan", "max_grad_norm"),
            ("beta = 0.0", "beta"),
            ("max_length = 1", "max_length"),
            ("max_prompt_length = 0", "max_prompt_length"),
            ("[lora]\nrank = 0", "lora.rank"),
            ("[lora]\nalpha = nan", "lora.alpha"),
            ("[lora]\ndropout = 1.0", "lora.dropout"),
            ("[lora]\ndropout = -0.1", "lora.dropout"),
            ("[lora]\ntargets = []", "lora.targets"),
        ];
        for (line, field) in cases {
            let problems = spec(&format!("objective = \"lm\"\ntexts = \"facts\"\n{line}")).check();
            assert_eq!(problems.len(), 1, "{line}: {problems:?}");
            assert_eq!(problems[0].field, field, "{line}");
        }
        assert!(spec("objective = \"lm\"\ntexts = \"facts\"").check().is_empty());
    }

    #[test]
    fn an_objective_reads_its_own_rows_and_no_others() {
        let fields = |more: &str| -> Vec<String> {
            spec(more).check().into_iter().map(|problem| problem.message).collect()
        };
        assert_eq!(
            fields("objective = \"dpo\"\ntexts = \"facts\""),
            [
                "objective `dpo` does not read `texts`",
                "objective `dpo` needs `pairs`",
                "objective `dpo` needs `reference`"
            ]
        );
        assert_eq!(
            fields("objective = \"sft\"\ncompletions = \"sample\"\nreference = \"score\""),
            ["objective `sft` does not read `reference`"]
        );
        assert!(fields("objective = \"dpo\"\npairs = \"pairs\"\nreference = \"score\"").is_empty());
    }

    #[test]
    fn unknown_objectives_are_refused_with_the_known_ones() {
        let error = toml::from_str::<TrainSpec>("model = \"base\"\nobjective = \"ppo\"").unwrap_err();
        assert!(error.to_string().contains("expected one of `lm`, `sft`, `dpo`"), "{error}");
    }

    #[test]
    fn the_canonical_form_writes_defaults_and_leaves_inputs_out() {
        let settings = serde_json::to_value(spec("objective = \"lm\"\ntexts = \"facts\"")).unwrap();
        assert_eq!(settings["batch_size"], 8);
        assert_eq!(settings["objective"], "lm");
        assert!(settings.get("model").is_none() && settings.get("texts").is_none());
    }
}
