//! How consistent one candidate is with the reference of its question.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A candidate with its score against the reference (CM-Align, methods 2.4), or with any other score to order candidates by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The question.
    pub id: String,
    /// The language code.
    pub lang: String,
    /// Which of the samples of this question and language, from 0.
    #[serde(default)]
    pub sample: usize,
    /// Higher is better. A cosine or a similarity of code from -1 to 1, or what another scorer wrote.
    pub score: f64,
    /// Whether its answer is the reference's, or the right one; absent where answers are not compared or none could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agrees: Option<bool>,
    /// What the question is about: `general`, `mathematics`, `code`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// The text the model was given.
    pub prompt: String,
    /// The text as sampled.
    pub completion: String,
}

impl Row for Score {
    const KIND: ArtifactKind = ArtifactKind {
        name: "scores",
        form: Form::Rows,
        about: "candidates with their consistency with the reference",
    };
}
