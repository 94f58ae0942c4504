//! What a model wrote after a prompt, or what it should write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A prompt with a completion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// The question it belongs to.
    pub id: String,
    /// The language code.
    pub lang: String,
    /// Which of the samples of this question and language, from 0.
    #[serde(default)]
    pub sample: usize,
    /// The text the model was given.
    pub prompt: String,
    /// The text that follows it.
    pub completion: String,
    /// Why generation ended: `end` (end-of-text token), `stop` (stop string), `length`, or what an endpoint says
    /// (`content_filter`). Empty for text from elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub finish: String,
}

impl Row for Completion {
    const KIND: ArtifactKind = ArtifactKind {
        name: "completions",
        form: Form::Rows,
        about: "prompts with completions: sampled answers, or targets to imitate",
    };
}
