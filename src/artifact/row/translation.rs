//! One text in another language.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A text and its translation. Rows of one `id` and `lang` are one lookup: what this text is called there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// What the text belongs to: a question's id, or a sample's.
    pub id: String,
    /// The language code of `source`.
    pub source_lang: String,
    /// The language code of `text`.
    pub lang: String,
    /// The text as it was.
    pub source: String,
    /// The text in `lang`; equal to `source` where the two languages are one.
    pub text: String,
}

impl Row for Translation {
    const KIND: ArtifactKind = ArtifactKind {
        name: "translations",
        form: Form::Rows,
        about: "texts with their translations, looked up by id and language",
    };
}
