//! One preference pair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A preference pair, in the field names that preference trainers read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The question the pair was made from. Empty for pairs from elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question: String,
    /// Pairs of one group ask for the same preference in several languages (direct consistency optimisation, methods
    /// 3.3); a batch keeps them together. Empty: the pair stands alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// What the pair teaches, such as `mathematics`: objectives may weigh tasks differently (methods 2.5).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// By how much the chosen side was better in what selected it (a similarity, a share of votes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

impl Row for Pair {
    const KIND: ArtifactKind =
        ArtifactKind { name: "pairs", form: Form::Rows, about: "preference pairs: prompt, chosen, rejected" };
}
