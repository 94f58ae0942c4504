//! Training objectives: what a loss reads, and the nodes that compute it.
//!
//! A loss sees named roles, not batches: each role (`chosen`, `rejected`) brings the log-probability of its sequences
//! under the trained model, and under the reference model if the loss asks for it. Batching, masking and reference
//! passes happen once, elsewhere. A loss returns *sums* over its units (tokens, examples or groups), so that the trainer
//! can divide by the number of units of a whole optimizer step, however that step is cut into batches.
//!
//! What a loss needs beside log-probabilities, one number per example that no gradient flows into (a weight, a target), it
//! computes itself before training begins ([`Loss::columns`]).
//!
//! | objective | loss of a pair | log-probabilities | source |
//! |---|---|---|---|
//! | `dpo` | `-log sigmoid(h)`, `h = beta * (gain_c - gain_r)` | sums, reference | methods P2 |
//! | `dpo_nll` | the same, `+ gamma * -logp_c / len_c` | sums, reference | methods P4 |
//! | `hinge` | `max(0, 1 - h)` | sums, reference | SLiC-HF, as TRL has it |
//! | `ipo` | `(gain_c / len_c - gain_r / len_r - 1 / (2 beta))^2` | means, reference | IPO eq. 17, as TRL and LLaMA-Factory |
//! | `simpo` | `-log sigmoid(beta * (mean_c - mean_r) - gamma)` | means | methods P5 |
//! | `orpo` | `-mean_c + beta * -log sigmoid(log odds)` | means | methods P5 |
//! | `dco` | `norm(gain_c - gain_r, target)` | sums, reference | methods 3.7 |
//!
//! `gain` is the log-probability less that of the reference model.
//!
//! Adding a loss: one file, one row in [`LOSSES`].

mod dco;
mod dpo;
mod dpo_nll;
mod hinge;
mod ipo;
mod lm;
mod orpo;
mod preference;
mod settings;
mod sft;
mod simpo;

pub use self::settings::{Knob, Norm, Settings, TaskWeight};
use crate::{
    failure::{Failure, bug},
    graph::{Graph, Value, op},
};

/// The rows that a loss is computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Examples {
    /// Plain texts; one role, every token but the first is scored.
    Texts,
    /// Prompts with a completion; one role, completion tokens are scored.
    Completions,
    /// Prompts with a chosen and a rejected completion; two roles in that order.
    Pairs,
}

/// What the mean loss is a mean over, and with it the form in which a loss gets log-probabilities (methods P1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Scored tokens; log-probabilities are one per scored token, `[selected]`.
    Token,
    /// Examples; log-probabilities are sums over the tokens of each sequence, `[examples]`.
    Example,
    /// Groups of examples that a batch keeps together; log-probabilities are sums, `[examples]`.
    Group,
}

/// What a loss is given about one role.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    /// Log-probability under the trained model, in the form of [`Loss::unit`], f32, natural logarithm.
    pub log_probability: Value,
    /// Number of scored tokens of each sequence, f32 `[examples]`; absent if the unit is [`Unit::Token`].
    pub tokens: Option<Value>,
    /// Summed log-probability under the reference model, `[examples]`, f32; present if [`Loss::needs_reference`].
    pub reference: Option<Value>,
}

impl Role {
    /// `values` over the number of tokens of each sequence.
    fn per_token(&self, g: &mut Graph, values: Value) -> Value {
        let tokens = self.tokens.unwrap_or_else(|| bug("a mean over sequences of a loss over tokens"));
        op::div(g, values, tokens)
    }

    /// The mean log-probability of each sequence.
    fn mean(&self, g: &mut Graph) -> Value {
        self.per_token(g, self.log_probability)
    }

    /// What the trained model gives each sequence more than the reference model, summed.
    fn gain(&self, g: &mut Graph) -> Value {
        let reference = self.reference.unwrap_or_else(|| bug("a gain without a reference"));
        op::sub(g, self.log_probability, reference)
    }
}

/// What a loss is built from.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// In the order of [`Loss::roles`].
    pub roles: &'a [Role],
    /// What [`Loss::columns`] gave, in the order of [`Loss::column_names`], each f32 `[examples]`.
    pub columns: &'a [Value],
    /// 1 where an example belongs to a group, else 0, f32 `[groups, examples]`; present if the unit is [`Unit::Group`].
    pub groups: Option<Value>,
    /// The numbers of the loss.
    pub settings: &'a Settings,
}

impl<'a> Given<'a> {
    /// Chosen and rejected.
    fn pair(&self) -> [&'a Role; 2] {
        let [chosen, rejected] = self.roles else { bug("a pair has two roles") };
        [chosen, rejected]
    }
}

/// The nodes of a loss.
#[derive(Clone, Debug)]
pub struct Built {
    /// The sum of the loss over all units, f32 without axes.
    pub loss: Value,
    /// Sums of further numbers over all units, f32 without axes, by the names that TRL logs their means under.
    pub metrics: Vec<(&'static str, Value)>,
}

/// What a loss may know of an example beside its tokens.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Names the example in messages.
    pub id: &'a str,
    /// Its language.
    pub lang: &'a str,
    /// What it teaches; may be empty.
    pub task: &'a str,
    /// The group it belongs to; empty if none.
    pub group: &'a str,
    /// Log-probabilities of its branches under the reference model; empty if the loss needs none.
    pub references: &'a [f32],
}

/// One row of numbers per example, and what people should know about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// For each example its numbers in the order of [`Loss::column_names`].
    pub rows: Vec<Vec<f32>>,
    /// What is unusual about them.
    pub notes: Vec<String>,
}

/// A training objective.
pub trait Loss: std::fmt::Debug + Sync {
    /// The name in recipes.
    fn name(&self) -> &'static str;
    /// One line for people.
    fn about(&self) -> &'static str;
    /// The rows it is computed on.
    fn examples(&self) -> Examples;
    /// What a mean loss is a mean over.
    fn unit(&self) -> Unit;
    /// Whether it compares with a reference model.
    fn needs_reference(&self) -> bool {
        false
    }
    /// The numbers of [`Settings`] that it uses.
    fn knobs(&self) -> &'static [Knob] {
        &[]
    }
    /// Their values if a recipe says nothing.
    fn defaults(&self) -> Settings {
        Settings::default()
    }
    /// Adds the loss to the graph.
    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built;

    /// The names of its numbers per example, each an input of the training graph.
    fn column_names(&self) -> &'static [&'static str] {
        &[]
    }
    /// Its numbers per example, computed before training begins. An example that it cannot use is an error.
    fn columns(&self, _settings: &Settings, examples: &[Facts<'_>]) -> Result<Columns, Failure> {
        Ok(Columns { rows: vec![Vec::new(); examples.len()], notes: Vec::new() })
    }

    /// The names of the roles, in the order of an example's branches.
    fn roles(&self) -> &'static [&'static str] {
        match self.examples() {
            Examples::Texts => &["text"],
            Examples::Completions => &["completion"],
            Examples::Pairs => &["chosen", "rejected"],
        }
    }
}

/// Every training objective.
pub static LOSSES: &[&dyn Loss] = &[
    &lm::Lm,
    &sft::Sft,
    &dpo::Dpo,
    &dpo_nll::DpoNll,
    &hinge::Hinge,
    &ipo::Ipo,
    &simpo::SimPo,
    &orpo::Orpo,
    &dco::Dco,
];

/// The objective called `name`.
pub fn find(name: &str) -> Option<&'static dyn Loss> {
    LOSSES.iter().copied().find(|loss| loss.name() == name)
}

/// The sum over all examples.
fn total(g: &mut Graph, values: Value) -> Value {
    op::reduce_sum(g, values, &[0], op::KeepDims::No)
}
