//! A text that a quality gate held back, with the reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A translation that was not good enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// What the text belongs to: a question's id, say.
    pub id: String,
    /// The language code of `source`.
    pub source_lang: String,
    /// The language code it should have become.
    pub lang: String,
    /// Which part of the row it is: `text`, `question`, `choice 0`.
    pub part: String,
    /// The text as it was.
    pub source: String,
    /// The translation that was held back; empty if there is none.
    pub text: String,
    /// The gate that held it back, and what it found.
    pub reason: String,
}

impl Row for Rejection {
    const KIND: ArtifactKind = ArtifactKind {
        name: "rejections",
        form: Form::Rows,
        about: "translations that a quality gate held back, with the reason",
    };
}
