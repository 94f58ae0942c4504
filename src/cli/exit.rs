//! The table of exit codes: every way the program can end, in one place. `--help` and the README print it.

use std::process::ExitCode;

use crate::{
    engine::{event::Status, outcome::RunOutcome},
    failure::{Cause, Failure},
};

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything asked for is there.
    Success,
    /// Stages failed, for more than one of the reasons below.
    Stages,
    /// The recipe or the command line is wrong; nothing ran.
    Recipe,
    /// Data, a model or another file from outside is wrong or missing.
    Input,
    /// The store is damaged, of another format, or cannot be written.
    Store,
    /// The runtime library or a device cannot be had, or refused the work.
    Runtime,
    /// An error in chorale itself.
    Bug,
    /// Stopped by the user; finished work is kept.
    Interrupted,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// How the program ended.
    pub exit: Exit,
    /// What the shell sees.
    pub code: u8,
    /// One line for people.
    pub meaning: &'static str,
}

/// All exit codes, by number.
pub static TABLE: &[Row] = &[
    Row { exit: Exit::Success, code: 0, meaning: "everything asked for is there" },
    Row { exit: Exit::Stages, code: 1, meaning: "stages failed, for more than one of the reasons below" },
    Row { exit: Exit::Recipe, code: 2, meaning: "the recipe or the command line is wrong; nothing ran" },
    Row { exit: Exit::Input, code: 3, meaning: "data, a model or another file is wrong or missing" },
    Row { exit: Exit::Store, code: 4, meaning: "the store is damaged or cannot be written" },
    Row {
        exit: Exit::Runtime,
        code: 5,
        meaning: "ONNX Runtime or a device cannot be had, or refused the work",
    },
    Row { exit: Exit::Bug, code: 101, meaning: "an error in chorale itself" },
    Row { exit: Exit::Interrupted, code: 130, meaning: "stopped by the user; finished work is kept" },
];

impl Exit {
    /// The exit that belongs to a failure's cause.
    pub fn of(cause: Cause) -> Self {
        match cause {
            Cause::Recipe => Self::Recipe,
            Cause::Input => Self::Input,
            Cause::Store => Self::Store,
            Cause::Runtime => Self::Runtime,
            Cause::Cancelled => Self::Interrupted,
            Cause::Bug => Self::Bug,
        }
    }

    /// The exit of a run whose stages failed: their common reason, or [`Exit::Stages`] when they differ.
    pub fn of_all(failures: &[Failure]) -> Self {
        let mut exits = failures.iter().map(|failure| Self::of(failure.cause));
        let Some(first) = exits.next() else { return Self::Success };
        if exits.all(|exit| exit == first) { first } else { Self::Stages }
    }

    /// The exit of a run.
    pub fn of_run(outcome: &RunOutcome) -> Self {
        match outcome.status {
            Status::Succeeded => Self::Success,
            Status::Cancelled => Self::Interrupted,
            Status::Failed => {
                let failures = outcome.stages.iter().filter_map(|stage| stage.failure.clone());
                Self::of_all(&failures.collect::<Vec<_>>())
            }
        }
    }

    /// What the shell sees.
    pub fn code(self) -> u8 {
        TABLE.iter().find(|row| row.exit == self).map_or(1, |row| row.code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as `--help` shows it.
pub fn help() -> String {
    let rows = TABLE.iter().map(|row| format!("  {:>3}  {}\n", row.code, row.meaning));
    std::iter::once("Exit codes:\n".to_owned()).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_one_code_and_codes_ascend() {
        let mut codes: Vec<u8> = TABLE.iter().map(|row| row.code).collect();
        assert!(codes.len() >= 8);
        assert!(codes.is_sorted());
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
        for cause in [Cause::Recipe, Cause::Input, Cause::Store, Cause::Runtime, Cause::Cancelled, Cause::Bug]
        {
            assert!(TABLE.iter().any(|row| row.exit == Exit::of(cause)));
        }
    }

    #[test]
    fn stages_that_failed_alike_share_their_code() {
        let (input, store) = (Failure::input("a"), Failure::store("b"));
        assert_eq!(Exit::of_all(&[]), Exit::Success);
        assert_eq!(Exit::of_all(&[input.clone(), input.clone()]), Exit::Input);
        assert_eq!(Exit::of_all(&[input, store]).code(), 1);
    }
}
