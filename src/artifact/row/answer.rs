//! The answer that one sample gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A sample with the answer that was read out of it, or why there is none. Every sample has a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question.
    pub id: String,
    /// The language code.
    pub lang: String,
    /// Which of the samples of this question and language, from 0.
    #[serde(default)]
    pub sample: usize,
    /// The answer, written alike in all languages: a letter, an entity code, a number; for code, its text. Absent when
    /// none could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why no answer could be read. Empty when there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dropped: String,
    /// The right answer to the question, written as answers are; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// The text the model was given.
    pub prompt: String,
    /// The text as sampled.
    pub completion: String,
}

impl Row for Answer {
    const KIND: ArtifactKind = ArtifactKind {
        name: "answers",
        form: Form::Rows,
        about: "samples with the answers read out of them, or why there is none",
    };
}
