//! What a running stage is given: its inputs, a place for its outputs, a journal that survives a kill, a way to tell
//! progress, and the runtime. A stage touches nothing else.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Serialize, de::DeserializeOwned};

use super::port::Ports;
use crate::{
    artifact::{
        Artifact, ArtifactKind, Form,
        row::Row,
        table::{self, RowWriter},
    },
    endpoint::Access,
    failure::{Cause, Failure, bug},
    runtime::{LazyRuntime, Runtime},
};

/// Who hears about the progress of a stage.
pub trait Observer: Send + Sync {
    /// `done` of `total` units are finished (`total` is 0 when unknown). `unit` is a plural noun: `tokens`, `questions`.
    fn progress(&self, done: u64, total: u64, unit: &'static str);
    /// Something the user should know that does not stop the stage, with counts: what was dropped and why.
    fn note(&self, text: &str);
}

/// Everything a running stage may touch.
pub struct Context<'a> {
    /// Verified inputs by field name.
    pub inputs: BTreeMap<String, Artifact>,
    /// Files from outside by field name, as resolved paths.
    pub files: BTreeMap<String, PathBuf>,
    /// Where inputs lie that are behind an endpoint, with their keys, by field name.
    pub endpoints: BTreeMap<String, Access>,
    /// What it reads and writes.
    pub ports: Ports,
    /// An empty folder in which outputs are written: the file `NAME` or, for folders, the folder `NAME`.
    pub staging: PathBuf,
    /// A folder that belongs to this key and survives a kill. What is in it may be from an earlier, interrupted run.
    pub journal: PathBuf,
    /// Hears about progress.
    pub observer: &'a dyn Observer,
    /// Set when the user asked to stop.
    pub cancelled: &'a AtomicBool,
    /// ONNX Runtime, opened at first use.
    pub runtime: &'a LazyRuntime,
}

impl Context<'_> {
    /// Whether the optional input `field` was given.
    pub fn has(&self, field: &str) -> bool {
        self.inputs.contains_key(field)
    }

    /// The input `field`.
    pub fn input(&self, field: &str) -> &Artifact {
        self.inputs.get(field).unwrap_or_else(|| bug(format!("input `{field}` is not a declared port")))
    }

    /// All rows of the input `field`.
    pub fn rows<R: Row>(&self, field: &str) -> Result<Vec<R>, Failure> {
        let artifact = self.input(field);
        if artifact.kind != R::KIND {
            bug(format!("input `{field}` holds {}, not {}", artifact.kind.name, R::KIND.name));
        }
        table::read(self.single(field))
    }

    /// The JSON document of the input `field`.
    pub fn document<D: DeserializeOwned>(&self, field: &str) -> Result<D, Failure> {
        let path = self.single(field);
        let bytes = std::fs::read(path).map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
        serde_json::from_slice(&bytes).map_err(|error| Failure::input(format!("input `{field}`: {error}")))
    }

    /// The only file of a rows or document input.
    pub fn single(&self, field: &str) -> &Path {
        let artifact = self.input(field);
        artifact.files.get(Artifact::SINGLE).unwrap_or_else(|| bug(format!("input `{field}` is a folder")))
    }

    /// The file `name` of the folder input `field`, if it is there.
    pub fn folder_file(&self, field: &str, name: &str) -> Option<&Path> {
        self.input(field).files.get(name).map(PathBuf::as_path)
    }

    /// The resolved path of the outside file named by `field`.
    pub fn file(&self, field: &str) -> &Path {
        self.files.get(field).unwrap_or_else(|| bug(format!("file `{field}` is not a declared port")))
    }

    /// A writer for the rows output `name`.
    pub fn write_rows<R: Row>(&self, name: &str) -> Result<RowWriter<R>, Failure> {
        RowWriter::create(&self.output(name, R::KIND))
    }

    /// Writes the document output `name`, indented.
    pub fn write_document<D: Serialize>(&self, name: &str, document: &D) -> Result<(), Failure> {
        let kind = self.output_kind(name);
        let path = self.output(name, kind);
        let mut bytes = serde_json::to_vec_pretty(document).unwrap_or_else(|error| bug(error));
        bytes.push(b'\n');
        std::fs::write(&path, bytes).map_err(|error| Failure::io(Cause::Store, "write", &path, &error))
    }

    /// Creates the folder output `name`; files go below the returned path.
    pub fn create_folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let kind = self.output_kind(name);
        let path = self.output(name, kind);
        if kind.form != Form::Folder {
            bug(format!("output `{name}` is not a folder"));
        }
        std::fs::create_dir_all(&path).map_err(|error| Failure::io(Cause::Store, "create", &path, &error))?;
        Ok(path)
    }

    /// Fails with [`Cause::Cancelled`] once the user asked to stop. Long loops call it at least every second.
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Failure::cancelled()) } else { Ok(()) }
    }

    /// ONNX Runtime; found or fetched at the first call.
    pub fn runtime(&self) -> Result<&Runtime, Failure> {
        self.runtime.get()
    }

    fn output_kind(&self, name: &str) -> ArtifactKind {
        let port = self.ports.outputs.iter().find(|port| port.name == name);
        port.unwrap_or_else(|| bug(format!("output `{name}` is not a declared port"))).kind
    }

    fn output(&self, name: &str, kind: ArtifactKind) -> PathBuf {
        if self.output_kind(name) != kind {
            bug(format!("output `{name}` is not of kind {}", kind.name));
        }
        self.staging.join(name)
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("inputs", &self.inputs)
            .field("staging", &self.staging)
            .finish_non_exhaustive()
    }
}
