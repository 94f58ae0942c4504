//! Remembers, per recipe, the last finished work of every stage: what a stale stage is compared with.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{atomic, key::Key};
use crate::failure::{Failure, bug};

/// The last finished work of the stages of one recipe. Losing it costs explanations and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// By stage.
    pub stages: BTreeMap<String, Pointer>,
    /// The name of the last run folder that was written for this recipe.
    pub run: Option<String>,
}

/// Where the record of finished work is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The kind of the stage.
    pub kind: String,
    /// Its key.
    pub key: Key,
}

impl Latest {
    pub(super) fn load(path: &Path) -> Self {
        let bytes = std::fs::read(path).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        atomic::write(path, &serde_json::to_vec(self).unwrap_or_else(|error| bug(error)))
    }
}
