//! One question in one language, with the candidates that may answer it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A question in one language. Rows of the same `id` are the same question; their candidates are aligned by position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The same in every language.
    pub id: String,
    /// The language code.
    pub lang: String,
    /// The text a model is asked to continue or to answer.
    pub question: String,
    /// Candidate answers, in the same order in every language, with any leading space they need after the question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The position of the right answer in `choices`, from 0. Absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<usize>,
    /// What each choice is called in every language (an entity code), aligned with `choices`. Absent when unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choice_ids: Vec<String>,
    /// Which part of the data the question belongs to, such as `trained` or `held-out`.
    #[serde(default)]
    pub split: String,
    /// What the question is about, such as `capital`; answers of one group share one set of entities.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
}

impl Row for Question {
    const KIND: ArtifactKind = ArtifactKind {
        name: "questions",
        form: Form::Rows,
        about: "questions with candidate answers, aligned across languages by id",
    };
}
