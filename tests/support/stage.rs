//! Runs one stage of a kind by itself, on artifacts that lie in a folder instead of a store.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, atomic::AtomicBool},
};

use chorale::{
    artifact::{Artifact, ArtifactKind, Form},
    digest::Digest,
    failure::Failure,
    stage::{
        context::{Context, Observer},
        contract::Kind,
    },
};

use crate::runtime;

/// What a stage did.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its outputs by name.
    pub(crate) outputs: BTreeMap<String, Artifact>,
    /// What it told the user.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn progress(&self, _: u64, _: u64, _: &'static str) {}

    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// Runs the kind `K` with the given settings. Outputs lie below `folder`, and live as long as it does.
pub(crate) fn run<K: Kind>(
    folder: &Path,
    settings: &K::Spec,
    inputs: &[(&str, &Artifact)],
    files: &[(&str, &Path)],
) -> Result<Outcome, Failure> {
    let problems = K::check(settings);
    assert!(problems.is_empty(), "{problems:?}");
    let (staging, journal) = (folder.join("staging"), folder.join("journal"));
    fs::create_dir_all(&staging).unwrap();
    fs::create_dir_all(&journal).unwrap();
    let notes = Notes::default();
    let context = Context {
        inputs: inputs.iter().map(|(name, artifact)| ((*name).to_owned(), (*artifact).clone())).collect(),
        files: files.iter().map(|(name, path)| ((*name).to_owned(), path.to_path_buf())).collect(),
        endpoints: BTreeMap::new(),
        ports: K::ports(settings),
        staging: staging.clone(),
        journal,
        observer: &notes,
        cancelled: &AtomicBool::new(false),
        runtime: runtime::lazy(),
    };
    K::run(&context, settings)?;
    let ports = K::ports(settings).outputs;
    let outputs =
        ports.iter().map(|port| (port.name.to_owned(), artifact(&staging.join(port.name), port.kind)));
    Ok(Outcome { outputs: outputs.collect(), notes: notes.0.into_inner().unwrap() })
}

/// The file or folder at `path` as an artifact.
pub(crate) fn artifact(path: &Path, kind: ArtifactKind) -> Artifact {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    if kind.form == Form::Folder {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), path);
        }
    } else {
        files.insert(Artifact::SINGLE.to_owned(), path.to_owned());
    }
    let content: String = files
        .iter()
        .map(|(name, path)| [name.as_str(), &Digest::of_file(path).unwrap().hex(), "\n"].concat())
        .collect();
    Artifact { kind, digest: Digest::of(content.as_bytes()), files }
}
