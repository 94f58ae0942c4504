//! What the samples of one question agreed on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// The outcome of the vote over all samples of one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The question.
    pub id: String,
    /// The winning answer: a letter, or an entity code.
    pub answer: String,
    /// How many samples gave the winning answer.
    pub count: usize,
    /// How many samples could be parsed and voted.
    pub total: usize,
    /// Whether another answer had as many votes.
    pub tied: bool,
    /// Whether the winning answer is the right one; absent when the right one is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correct: Option<bool>,
    /// Votes per answer, in the order the answers were first seen.
    pub counts: Vec<(String, usize)>,
    /// The picked example: its language, sample number and text.
    pub example_lang: String,
    /// The sample number of the picked example.
    pub example_sample: usize,
    /// The text of the picked example, as sampled.
    pub example: String,
    /// Every parsed sample, in pool order.
    pub ballots: Vec<Ballot>,
}

/// One parsed sample of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// The language of the sample.
    pub lang: String,
    /// The sample number within its language.
    pub sample: usize,
    /// The answer it was parsed to.
    pub answer: String,
    /// The text as sampled.
    pub completion: String,
}

impl Row for Vote {
    const KIND: ArtifactKind = ArtifactKind {
        name: "votes",
        form: Form::Rows,
        about: "the majority answer of each question with all ballots",
    };
}
