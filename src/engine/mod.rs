//! Runs a plan: for every stage, finds out whether it is done already, and does what is not.
//!
//! In: a [`Plan`], a [`Store`], and a [`Listener`] that hears what happens. Out: a [`RunOutcome`].
//!
//! One thread drives: it alone holds the [states](state), looks keys up, starts stages and passes events on, so that
//! every listener hears the same story in the same order. Each running stage has a thread of its own
//! ([`perform`]); nothing but messages goes back.
//!
//! # Invariants
//! - Names no stage kind and opens no recipe; what a stage is comes from the plan.
//! - A stage that fails or panics ends itself and what depends on it, never the run.
//! - Only [`clock`] reads time.
//! - A run that finds everything done writes nothing.
//!
//! # Decisions
//! - A key is computed when its inputs are known, not before: a stage that ran again and wrote the same bytes does not
//!   make stale what follows.
//! - Threads, not an async runtime: stages compute, and there are never more than a few dozen at once.
//! - Cancelling asks: a stage that looks at the flag stops there, one that does not is waited for. What it has written
//!   to its journal is found again by the next run.

pub mod clock;
mod drive;
pub mod event;
mod folder;
mod forecast;
mod lookup;
pub mod outcome;
mod perform;
mod slots;
mod state;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

pub use folder::{RunRecord, StageRecord};
pub use forecast::{Forecast, forecast};

use self::{event::Listener, outcome::RunOutcome};
use crate::{cache::Store, plan::Plan, runtime::LazyRuntime, secret::Secret};

/// What a run needs besides the plan and the store.
pub struct Settings<'a> {
    /// The recipe's file, as the user named it.
    pub path: PathBuf,
    /// The recipe's text; a copy is kept in the run folder.
    pub text: String,
    /// Overrides of the command line (`params.beta=0.2`), for the record.
    pub overrides: Vec<String>,
    /// Versions for the record beside chorale's own.
    pub versions: BTreeMap<String, String>,
    /// How many light stages may run at once.
    pub threads: usize,
    /// Set by the caller when the user asks to stop.
    pub cancelled: &'a AtomicBool,
    /// ONNX Runtime, opened at first use.
    pub runtime: &'a LazyRuntime,
    /// The keys of endpoints by the name that recipes give them; the edge knows where they are kept.
    pub secrets: fn(&str) -> Option<Secret>,
}

impl Settings<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("path", &self.path)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Runs all stages of the plan that are not done, and tells `listener` about it. Failures of stages are in the outcome.
pub fn run(plan: &Plan, store: &Store, listener: &mut dyn Listener, settings: &Settings<'_>) -> RunOutcome {
    drive::drive(plan, store, listener, settings)
}
