//! One preference pair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A preference pair, in the field names that preference trainers read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Unique within the artifact: question, language and sample.
    pub id: String,
    /// The language of prompt, chosen and rejected.
    pub lang: String,
    /// The text both completions follow.
    pub prompt: String,
    /// The preferred completion.
    pub chosen: String,
    /// The other completion.
    pub rejected: String,
}

impl Row for Pair {
    const KIND: ArtifactKind =
        ArtifactKind { name: "pairs", form: Form::Rows, about: "preference pairs: prompt, chosen, rejected" };
}
