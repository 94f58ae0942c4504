//! The log-probabilities of both sides of one pair under a reference model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// Log-probabilities of a pair (natural logarithm), summed over completion tokens (methods P1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairLogProbability {
    /// The pair.
    pub id: String,
    /// Sum over the tokens of `chosen`.
    pub chosen: f32,
    /// Sum over the tokens of `rejected`.
    pub rejected: f32,
    /// Number of tokens of `chosen`.
    pub chosen_tokens: usize,
    /// Number of tokens of `rejected`.
    pub rejected_tokens: usize,
    /// Number of tokens of the prompt that both sides followed; fewer than the prompt has if `max_length` cut it.
    pub prompt_tokens: usize,
}

impl Row for PairLogProbability {
    const KIND: ArtifactKind = ArtifactKind {
        name: "log-probabilities",
        form: Form::Rows,
        about: "log-probabilities of the two sides of each pair",
    };
}
