//! What a run tells the world: the terminal, the JSON lines of the run folder and the report learn about a run from
//! its ordered [`Event`]s and from nothing else.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    cache::{Key, Output, StaleReason},
    failure::Failure,
};

/// Who hears the events of a run, one after another, always from one thread.
pub trait Listener {
    /// Takes note of an event.
    fn hear(&mut self, event: &Timed);
}

/// An event with its time. One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// Seconds since the run began.
    pub at: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happened in a run. Stages are named as in the recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// First event of a run.
    RunStarted {
        /// The recipe's name.
        recipe: String,
        /// The recipe's file as the user named it.
        path: PathBuf,
        /// The digest of the recipe's text.
        digest: String,
        /// UTC, as `2026-11-21T03:14:26Z`.
        started: String,
        /// Overrides of the command line (`params.beta=0.2`).
        overrides: Vec<String>,
        /// Versions that may matter to a reader: `chorale` and whatever the caller added.
        versions: BTreeMap<String, String>,
        /// All stages of the plan in topological order.
        stages: Vec<StageInfo>,
    },
    /// Its inputs are known and its key is being computed and looked up.
    StageChecking {
        /// The stage.
        stage: String,
    },
    /// It was done already, and its files were verified.
    StageCached {
        /// The stage.
        stage: String,
        /// Its key.
        key: Key,
        /// How many seconds it took when it was computed.
        seconds: f64,
        /// What it wrote, by port.
        outputs: BTreeMap<String, Output>,
    },
    /// It has to run, and waits for a free slot.
    StageQueued {
        /// The stage.
        stage: String,
    },
    /// Another process is computing the same key; this one waits for it.
    StageWaiting {
        /// The stage.
        stage: String,
    },
    /// It runs.
    StageStarted {
        /// The stage.
        stage: String,
        /// Its key.
        key: Key,
        /// Why it was not simply reused.
        reasons: Vec<StaleReason>,
    },
    /// It got on. At most a few of these a second.
    StageProgress {
        /// The stage.
        stage: String,
        /// Finished units.
        done: u64,
        /// All units; 0 when unknown.
        total: u64,
        /// What is counted, as a plural noun: `tokens`, `questions`.
        unit: String,
    },
    /// Something the user should know that does not stop the stage.
    StageNote {
        /// The stage.
        stage: String,
        /// What to know.
        text: String,
    },
    /// It ran to its end and its outputs are in the store.
    StageFinished {
        /// The stage.
        stage: String,
        /// Its key.
        key: Key,
        /// Wall time of the work.
        seconds: f64,
        /// What it wrote, by port.
        outputs: BTreeMap<String, Output>,
    },
    /// It failed. What depends on it is blocked, the rest goes on.
    StageFailed {
        /// The stage.
        stage: String,
        /// Why; the cause `bug` marks a panic that was caught.
        failure: Failure,
    },
    /// It can't run because a stage before it failed.
    StageBlocked {
        /// The stage.
        stage: String,
        /// The stage that failed.
        by: String,
    },
    /// The user asked to stop before it was done.
    StageCancelled {
        /// The stage.
        stage: String,
    },
    /// Something about the run as a whole that does not stop it.
    RunNote {
        /// What to know.
        text: String,
    },
    /// Last event of a run.
    RunFinished {
        /// How it ended.
        status: Status,
        /// Wall time of the run.
        seconds: f64,
    },
}

/// A stage of the plan, as the first event lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageInfo {
    /// Its name in the recipe.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The section it stands in: `data`, `model` or `stage`.
    pub section: String,
    /// The stages it reads from, each once, in plan order.
    pub needs: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every stage is cached or finished.
    Succeeded,
    /// At least one stage failed.
    Failed,
    /// The user asked to stop before the end.
    Cancelled,
}
