//! The answer that the other languages' answers are compared with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// The most self-consistent candidate of one question in the source language (CM-Align, methods 2.3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceAnswer {
    /// The question.
    pub id: String,
    /// The source language.
    pub lang: String,
    /// Which of its samples was selected.
    pub sample: usize,
    /// How it was selected: `general`, `mathematics` or `code`.
    pub task: String,
    /// Mean similarity to the other candidates, or the share of candidates with the same answer. 0 for a single candidate.
    pub score: f64,
    /// The candidates that it was selected from: those with a text and, where answers are read, with an answer.
    pub candidates: usize,
    /// Its answer; absent for general instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The text as sampled.
    pub completion: String,
}

impl Row for ReferenceAnswer {
    const KIND: ArtifactKind = ArtifactKind {
        name: "references",
        form: Form::Rows,
        about: "the most self-consistent answer of each question in the source language",
    };
}
