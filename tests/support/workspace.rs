//! A temporary folder in which the real binary runs, with an environment of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// A temporary project folder; removed at the end.
pub(crate) struct Workspace {
    folder: tempfile::TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The binary, ready to be given arguments. It sees no environment but a home of its own.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chorale"));
        command.current_dir(self.folder.path()).env_clear().env("HOME", self.path("home"));
        command
    }

    /// Runs the binary with arguments separated by blanks.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command().args(arguments.split_whitespace()).output().unwrap())
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts the exit code, showing all that was said when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self
    }

    /// Asserts that standard output parses as JSON, and returns it.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in\n{}", self.out))
    }
}
