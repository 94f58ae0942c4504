//! Training objectives: what a loss reads, and the nodes that compute it.
//!
//! A loss sees named roles, not batches: each role (`chosen`, `rejected`) brings the log-probability of its sequences
//! under the trained model, and under the reference model if the loss asks for it. Batching, masking and reference
//! passes happen once, elsewhere. A loss returns *sums* over its units (tokens or examples), so that the trainer can
//! divide by the number of units of a whole optimizer step, however that step is cut into batches.
//!
//! Adding a loss: one file, one row in [`LOSSES`].

mod dpo;
mod lm;
mod sft;

use crate::graph::{Graph, Value};

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

/// What the mean loss is a mean over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Scored tokens.
    Token,
    /// Examples.
    Example,
}

/// In which form a loss wants log-probabilities (methods P1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// One per scored token, `[selected]`.
    Tokens,
    /// Summed over the tokens of each sequence, `[examples]`.
    Sum,
    /// Averaged over the tokens of each sequence, `[examples]`.
    Mean,
}

/// What a loss is given about one role.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    /// Log-probability under the trained model, in the form of [`Loss::reduction`], f32, natural logarithm.
    pub log_probability: Value,
    /// Summed log-probability under the reference model, `[examples]`, f32; present if [`Loss::needs_reference`].
    pub reference: Option<Value>,
}

/// Numbers that a loss may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How strongly a preference loss holds on to the reference model; above 0.
    pub beta: f64,
}

/// The nodes of a loss.
#[derive(Clone, Debug)]
pub struct Built {
    /// The sum of the loss over all units, f32 without axes.
    pub loss: Value,
    /// Sums of further numbers over all units, f32 without axes, by the names that TRL logs their means under.
    pub metrics: Vec<(&'static str, Value)>,
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
    /// The form of the log-probabilities.
    fn reduction(&self) -> Reduction;
    /// Whether it compares with a reference model.
    fn needs_reference(&self) -> bool {
        false
    }
    /// Adds the loss to the graph; `roles` are in the order of [`Loss::roles`].
    fn build(&self, g: &mut Graph, roles: &[Role], settings: &Settings) -> Built;

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
pub static LOSSES: &[&dyn Loss] = &[&lm::Lm, &sft::Sft, &dpo::Dpo];

/// The objective called `name`.
pub fn find(name: &str) -> Option<&'static dyn Loss> {
    LOSSES.iter().copied().find(|loss| loss.name() == name)
}
