//! Says why something could not be done: what, where, why, and what to do about it.
//!
//! Expected failures are values of [`Failure`]; impossible states are bugs and go through [`bug`]. Messages are
//! lowercase fragments without a final period, names in backticks, the value at the end after a colon.

use std::{fmt, io, path::Path};

use serde::{Deserialize, Serialize};

/// What kind of trouble it is. Decides the exit code and whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The recipe or the command line is wrong.
    Recipe,
    /// Data, a model or another file from outside is wrong or missing.
    Input,
    /// The store is damaged, of another format, or cannot be written.
    Store,
    /// The runtime library or a device cannot be had, or refused the work.
    Runtime,
    /// The user asked to stop.
    Cancelled,
    /// A stage met a state that the program's own logic excludes: a mistake in chorale, caught at the stage's edge.
    Bug,
}

/// An expected failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of trouble it is.
    pub cause: Cause,
    /// What happened, as a lowercase fragment.
    pub message: String,
    /// What to do about it, one line.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), hint: None }
    }

    /// Wrong or missing data.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Cause::Input, message)
    }

    /// A store that is damaged or cannot be written.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(Cause::Store, message)
    }

    /// A runtime library or device that cannot be had or refused the work.
    pub fn runtime(message: impl Into<String>) -> Self {
        Self::new(Cause::Runtime, message)
    }

    /// The user asked to stop.
    pub fn cancelled() -> Self {
        Self::new(Cause::Cancelled, "interrupted")
    }

    /// A file operation that the system refused.
    pub fn io(cause: Cause, doing: &str, path: &Path, error: &io::Error) -> Self {
        let failure = Self::new(cause, format!("cannot {doing} `{}`: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::StorageFull => {
                failure.hint("free some space on that disk and run again; finished work is kept")
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied if cause == Cause::Store => {
                failure.hint("name a writable folder with `--cache DIR`")
            }
            _ => failure,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the place in front of the message: a file and line, a stage, a row.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Stops at a state that the program's own logic excludes. Never for anything a user or a file can cause.
#[expect(clippy::panic, reason = "the one place where impossible states end")]
#[track_caller]
pub fn bug(message: impl fmt::Display) -> ! {
    panic!("BUG: {message}; this is an error in chorale, not in your recipe")
}
