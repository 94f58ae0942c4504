//! The settings of a `train` stage, and which of them make no sense.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    auxiliary::{self, AuxiliarySpec},
    lora::LoraSpec,
    objective::{self, Objective, field_of},
};
use crate::{
    artifact::{
        ADAPTER, EXTRACTOR, MODEL,
        row::{
            Row, completion::Completion, log_probability::PairLogProbability, pair::Pair, question::Question,
            text::Text, training_step::TrainingStep,
        },
    },
    model::{
        loss::{Examples, Norm, TaskWeight, Unit},
        optim::schedule::Schedule,
    },
    stage::{
        contract::Problem,
        kinds::chat::{self, ChatSpec},
        port::{Ports, Reference},
    },
    token::Joint,
};

/// What becomes of examples that are longer than the stage admits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlong {
    /// The beginning of the prompt is cut off, and the end of what is still too long.
    #[default]
    Truncate,
    /// They are left out; of a group all pairs.
    Drop,
}

/// In which order a run meets the languages of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LanguageSchedule {
    /// All mixed.
    #[default]
    Mixed,
    /// One after the other in every epoch, in the order of `language_order`.
    Sequential,
}

/// Settings of a `train` stage. Numbers of the objective that a recipe leaves out are filled in when it is read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
#[schemars(!remote)]
pub struct TrainSpec {
    /// The model to start from.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// What to learn, and from which rows.
    pub objective: Objective,
    /// Texts, for `lm`.
    #[serde(default, skip_serializing)]
    pub texts: Option<Reference>,
    /// Prompts with completions, for `sft`.
    #[serde(default, skip_serializing)]
    pub completions: Option<Reference>,
    /// Preference pairs, for objectives over pairs; `sft` learns their chosen sides, one row per pair (methods 1.9).
    #[serde(default, skip_serializing)]
    pub pairs: Option<Reference>,
    /// Log-probabilities of the pairs under the reference model, for objectives that compare with one.
    #[serde(default, skip_serializing)]
    pub reference: Option<Reference>,
    /// Passes over the data; may be a fraction.
    #[serde(default = "one")]
    pub epochs: f64,
    /// Optimizer steps; replaces `epochs`.
    #[serde(default)]
    pub steps: Option<usize>,
    /// Examples per batch; for `dco` groups of pairs, which stay together.
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
    /// How strongly a preference objective holds on to the reference model, or scales log-probabilities without one: 0.1 by
    /// default, 1 for `dco`.
    #[serde(default)]
    pub beta: Option<f64>,
    /// The share of pairs taken to be labelled the wrong way round, for `dpo`, `dpo_nll` and `simpo`: 0 to below 0.5.
    #[serde(default)]
    pub label_smoothing: Option<f64>,
    /// For `dpo_nll`: the weight of the chosen side's negative log-likelihood per token, 1 by default; one number, or a
    /// table with one for each `task` of the pairs.
    #[serde(default)]
    pub nll_weight: Option<TaskWeight>,
    /// For `simpo`: by how much the chosen side's reward should exceed the rejected side's; 0.5 by default.
    #[serde(default)]
    pub simpo_gamma: Option<f64>,
    /// For `dco`: how far a margin is from its target; `l1` by default.
    #[serde(default)]
    pub norm: Option<Norm>,
    /// For `dco` with `norm = "huber"`: the difference from which on it counts linearly; 1 by default.
    #[serde(default)]
    pub huber_delta: Option<f64>,
    /// For `dco`, by language: the factor on the other languages' reference margins in the language's own target; `beta` for
    /// languages without an entry. With 0.1 for English and 10 for another language, English stays as it is.
    #[serde(default)]
    pub target_weight: Option<BTreeMap<String, f64>>,
    /// The longest sequence in tokens; by default what the model admits.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// The longest prompt in tokens; longer ones lose their beginning.
    #[serde(default)]
    pub max_prompt_length: Option<usize>,
    /// What becomes of examples that are longer than `max_length` or `max_prompt_length`.
    #[serde(default)]
    pub overlong: Overlong,
    /// In which order the languages of the rows are met.
    #[serde(default)]
    pub language_schedule: LanguageSchedule,
    /// The languages in the order of `language_schedule = "sequential"`.
    #[serde(default)]
    pub language_order: Vec<String>,
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
    /// Questions whose wordings in several languages an auxiliary term compares, found by the question of a pair (by the id
    /// of a completion or text); they pass through the chat template as prompts do.
    #[serde(default, skip_serializing)]
    pub prompts: Option<Reference>,
    /// Adds to the objective that the prompts' hidden states have one direction in all languages (MLC).
    #[serde(default)]
    pub mlc: Option<AuxiliarySpec>,
    /// Adds to the objective one less the mean cosine of the prompts' hidden states, the simpler variant of `mlc`.
    #[serde(default)]
    pub cosine: Option<AuxiliarySpec>,
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
impl<'de> Deserialize<'de> for TrainSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut spec = Self::deserialize(deserializer)?;
        objective::fill(&mut spec);
        auxiliary::fill(&mut spec);
        Ok(spec)
    }
}

impl Serialize for TrainSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
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
            ("prompts", &self.prompts, Question::KIND),
        ];
        for (field, reference, kind) in rows {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        ports = ports.writes("model", MODEL).writes("steps", TrainingStep::KIND);
        if auxiliary::term(self).is_some_and(|aux| aux.extractor.is_some()) {
            ports = ports.writes("extractor", EXTRACTOR);
        }
        if self.lora.is_some() { ports.writes("adapter", ADAPTER) } else { ports }
    }

    /// Settings that make no sense, all of them.
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut problems = self.check_inputs();
        problems.extend(self.check_counts());
        problems.extend(self.check_rates());
        problems.extend(objective::check(self));
        problems.extend(auxiliary::check(self));
        problems.extend(self.check_languages());
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
        let wanted = field_of(self);
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

    fn check_languages(&self) -> Vec<Problem> {
        let order = &self.language_order;
        let problem = |field, message: &str, hint| vec![Problem::new(field, message, hint)];
        match self.language_schedule {
            LanguageSchedule::Mixed if order.is_empty() => Vec::new(),
            LanguageSchedule::Mixed => problem(
                "language_order",
                "languages are mixed: they have no order",
                "add `language_schedule = \"sequential\"`, or remove the line",
            ),
            LanguageSchedule::Sequential if self.objective.0.unit() == Unit::Group => problem(
                "language_schedule",
                "the pairs of a group are of several languages and stay together",
                "remove the line",
            ),
            LanguageSchedule::Sequential if order.is_empty() => problem(
                "language_schedule",
                "nothing says which language comes first",
                "add `language_order`, such as [\"en\", \"de\"]",
            ),
            LanguageSchedule::Sequential => Vec::new(),
        }
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
        ]
        .into_iter()
        .filter(|(_, _, good, _)| !good)
        .map(|(field, value, _, hint)| {
            Problem::new(field, format!("`{field}` is out of range: {value}"), hint)
        })
        .collect()
    }
}
