//! How a model ranks the candidates of one question.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// The scores of all candidates of one question in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    /// The question.
    pub id: String,
    /// The language code.
    pub lang: String,
    /// Which part of the data the question belongs to.
    #[serde(default)]
    pub split: String,
    /// Log-probability of each candidate, aligned with the question's `choices`; higher is better.
    pub scores: Vec<f32>,
    /// Candidate positions, best first; equal scores keep the order of the candidates.
    pub ranking: Vec<usize>,
    /// The position of the right answer, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<usize>,
}

impl Row for Ranking {
    const KIND: ArtifactKind = ArtifactKind {
        name: "rankings",
        form: Form::Rows,
        about: "candidate scores and their order per question and language",
    };
}
