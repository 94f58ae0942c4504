//! The rows that stages exchange, one file per type.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::ArtifactKind;

pub mod answer;
pub mod completion;
pub mod log_probability;
pub mod pair;
pub mod question;
pub mod ranking;
pub mod reference;
pub mod rejection;
pub mod score;
pub mod text;
pub mod training_step;
pub mod translation;
pub mod verdict;
pub mod vote;

/// A row type: what one line of a rows artifact holds.
pub trait Row: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The kind of the artifact that such rows make up.
    const KIND: ArtifactKind;
}
