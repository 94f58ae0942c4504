//! What a run left behind: how it ended, and for every stage its state and its artifacts.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::event::Status;
use crate::{
    artifact::Artifact,
    cache::{Key, Record, StaleReason},
    failure::Failure,
};

/// The end of a run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// How it ended.
    pub status: Status,
    /// The run folder (`cache/runs/<time>-<short>`) with `events.jsonl`, `recipe.toml`, `record.json` and `outputs/`. A
    /// run that found everything done has none of its own and names the run that did the work; absent when there is no
    /// such run either, or when the folder could not be written (an event says so).
    pub folder: Option<PathBuf>,
    /// Whether `folder` belongs to this very run.
    pub fresh: bool,
    /// Wall time of the run.
    pub seconds: f64,
    /// All stages of the plan in topological order.
    pub stages: Vec<StageOutcome>,
}

impl RunOutcome {
    /// The outcome of the stage `name`.
    pub fn stage(&self, name: &str) -> Option<&StageOutcome> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

/// The end of one stage.
#[derive(Clone, Debug)]
pub struct StageOutcome {
    /// Its name in the recipe.
    pub name: String,
    /// How it ended.
    pub end: StageEnd,
    /// Its key; absent when it was never known.
    pub key: Option<Key>,
    /// Why it ran; empty when it did not.
    pub reasons: Vec<StaleReason>,
    /// The record of its work, when it is done.
    pub record: Option<Record>,
    /// Its artifacts by port, when it is done.
    pub artifacts: BTreeMap<String, Artifact>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageEnd {
    /// It was done already.
    Cached,
    /// It ran to its end in this run.
    Finished,
    /// It failed.
    Failed,
    /// A stage before it failed.
    Blocked,
    /// The user asked to stop before it was done.
    Cancelled,
}
