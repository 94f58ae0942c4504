//! One text of a training corpus.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Names the text in messages and random numbers.
    pub id: String,
    /// The language code; empty when the text mixes languages.
    #[serde(default)]
    pub lang: String,
    /// The text itself.
    pub text: String,
}

impl Row for Text {
    const KIND: ArtifactKind = ArtifactKind {
        name: "texts",
        form: Form::Rows,
        about: "plain texts to train a tokenizer or a language model on",
    };
}
