//! Runs one stage in a temporary folder.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, atomic::AtomicBool},
};

use chorale::{
    artifact::{
        Artifact,
        row::Row,
        table::{self, RowWriter},
    },
    digest::Digest,
    failure::Failure,
    runtime::{LazyRuntime, RuntimeSettings},
    stage::{
        context::{Context, Observer},
        contract::Stage,
        kinds::KINDS,
    },
};
use serde_json::Value;
use toml::de::DeTable;

use crate::support::skip::skipped;

/// A folder with inputs, outputs and what the stages said.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    notes: Mutex<Vec<String>>,
}

impl Observer for Bench {
    fn progress(&self, _: u64, _: u64, _: &'static str) {}

    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), notes: Mutex::default() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file for a stage to read.
    pub(super) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes rows under the name by which a stage's settings refer to them.
    pub(super) fn rows<R: Row>(&self, name: &str, rows: &[R]) {
        let mut writer = RowWriter::create(&self.path(name)).unwrap();
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.finish().unwrap();
    }

    /// Runs a stage of `kind`. References name files of the folder; outputs become files named as the outputs.
    pub(super) fn run(&self, kind: &str, settings: &str) -> Result<(), Failure> {
        let stage = parse(kind, settings);
        let problems = stage.check();
        assert!(problems.is_empty(), "{problems:?}");
        let ports = stage.ports();
        let artifact = |path: PathBuf| {
            let digest = Digest::of_file(&path).unwrap();
            (digest, BTreeMap::from([(Artifact::SINGLE.to_owned(), path)]))
        };
        let inputs = ports.inputs.iter().map(|port| {
            let (digest, files) = artifact(self.path(&port.from.node));
            (port.field.clone(), Artifact { kind: port.kinds[0], digest, files })
        });
        let files = ports.files.iter().map(|port| (port.field.clone(), self.dir.path().join(&port.path)));
        let cx = Context {
            inputs: inputs.collect(),
            files: files.collect(),
            endpoints: BTreeMap::new(),
            ports: ports.clone(),
            staging: self.dir.path().to_owned(),
            journal: self.path("journal"),
            observer: self,
            cancelled: &AtomicBool::new(false),
            runtime: &LazyRuntime::new(RuntimeSettings::new(self.path("runtime"))),
        };
        stage.run(&cx)
    }

    /// The message and hint of a stage that must fail.
    pub(super) fn failure(&self, kind: &str, settings: &str) -> (String, String) {
        let failure = self.run(kind, settings).unwrap_err();
        (failure.message, failure.hint.unwrap_or_default())
    }

    pub(super) fn read<R: Row>(&self, name: &str) -> Vec<R> {
        table::read(&self.path(name)).unwrap()
    }

    pub(super) fn document(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// What the stages said so far.
    pub(super) fn notes(&self) -> String {
        self.notes.lock().unwrap().join("\n")
    }
}

/// A stage of `kind` with settings in TOML.
pub(super) fn parse(kind: &str, settings: &str) -> std::sync::Arc<dyn Stage> {
    let entry = KINDS.iter().find(|entry| entry.name == kind).unwrap();
    entry.parse(DeTable::parse(settings).unwrap()).unwrap()
}

/// The folder of benchmark excerpts beside the project or named by `CHORALE_DATA`; `None` prints why a test is skipped.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "tests may be told where data lie")]
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("CHORALE_DATA").map_or(beside, PathBuf::from);
    let path = root.join(name);
    if path.is_dir() {
        return Some(path);
    }
    skipped(&format!("there is no folder {}", path.display()));
    None
}
