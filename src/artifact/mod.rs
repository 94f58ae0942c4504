//! The typed files that stages exchange.
//!
//! An artifact is immutable and named by its content. It has one of three forms: rows (one JSON object per line, in
//! the field names people know), a JSON document, or a folder of files that other tools open (a Hugging Face model, a
//! PEFT adapter). What a stage may connect to what is decided by the artifact's kind alone.
//!
//! # Invariants
//! - Row types know nothing about stages or models.
//! - Rows are written in the order a stage produced them; map-like fields are ordered.
//!
//! Adding a row type: one file in `artifact/row/`, one line in [`KINDS`].

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

pub mod row;
pub mod table;

/// How an artifact lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// One JSON object per line.
    Rows,
    /// One JSON document.
    Document,
    /// Several named files.
    Folder,
}

/// What an artifact is. Two ports may be connected if their kinds are equal.
#[derive(Clone, Copy, Debug)]
pub struct ArtifactKind {
    /// The name in messages, schemas and references.
    pub name: &'static str,
    /// How it lies on disk.
    pub form: Form,
    /// One line for people.
    pub about: &'static str,
}

impl PartialEq for ArtifactKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ArtifactKind {}

/// A Hugging Face model folder: `config.json`, `model.safetensors`, tokenizer files.
pub const MODEL: ArtifactKind = ArtifactKind {
    name: "model",
    form: Form::Folder,
    about: "a Hugging Face model folder with its tokenizer",
};
/// A model behind an endpoint: who it is, not where.
pub const ENDPOINT: ArtifactKind = ArtifactKind {
    name: "endpoint",
    form: Form::Document,
    about: "a model that answers over HTTP: its name and how it is asked",
};
/// A PEFT adapter folder: `adapter_config.json`, `adapter_model.safetensors`.
pub const ADAPTER: ArtifactKind =
    ArtifactKind { name: "adapter", form: Form::Folder, about: "a PEFT LoRA adapter folder" };
/// The linear map of an auxiliary term: `extractor.safetensors`, `extractor.json`. No part of the model.
pub const EXTRACTOR: ArtifactKind = ArtifactKind {
    name: "extractor",
    form: Form::Folder,
    about: "the linear map that an auxiliary term trained beside a model",
};
/// Vectors of texts: `vectors.safetensors` with f32 `vectors [N,D]`, and `rows.jsonl` that says whose each is.
pub const VECTORS: ArtifactKind =
    ArtifactKind { name: "vectors", form: Form::Folder, about: "vectors of texts by an encoder" };
/// A tokenizer folder: `tokenizer.json`, `tokenizer_config.json`.
pub const TOKENIZER: ArtifactKind = ArtifactKind {
    name: "tokenizer",
    form: Form::Folder,
    about: "a tokenizer folder as Hugging Face tools read it",
};
/// Numbers about a model: [`crate::align::metric`] says how they are defined.
pub const METRICS: ArtifactKind = ArtifactKind {
    name: "metrics",
    form: Form::Document,
    about: "accuracy, consistency and RankC per language and pair",
};
/// The content of a report, before it is rendered.
pub const REPORT: ArtifactKind =
    ArtifactKind { name: "report", form: Form::Document, about: "the content of a report" };

/// Every kind of artifact.
pub static KINDS: &[ArtifactKind] = &[
    <row::question::Question as row::Row>::KIND,
    <row::text::Text as row::Row>::KIND,
    <row::completion::Completion as row::Row>::KIND,
    <row::answer::Answer as row::Row>::KIND,
    <row::vote::Vote as row::Row>::KIND,
    <row::reference::ReferenceAnswer as row::Row>::KIND,
    <row::score::Score as row::Row>::KIND,
    <row::pair::Pair as row::Row>::KIND,
    <row::translation::Translation as row::Row>::KIND,
    <row::rejection::Rejection as row::Row>::KIND,
    <row::verdict::Verdict as row::Row>::KIND,
    <row::log_probability::PairLogProbability as row::Row>::KIND,
    <row::ranking::Ranking as row::Row>::KIND,
    <row::training_step::TrainingStep as row::Row>::KIND,
    MODEL,
    ENDPOINT,
    ADAPTER,
    EXTRACTOR,
    TOKENIZER,
    VECTORS,
    METRICS,
    REPORT,
];

/// An artifact that lies in a store and has been verified.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What it is.
    pub kind: ArtifactKind,
    /// The digest of its bytes; for a folder, of its manifest.
    pub digest: Digest,
    /// Its files by relative name. Rows and documents have one, named [`Artifact::SINGLE`].
    pub files: BTreeMap<String, PathBuf>,
}

impl Artifact {
    /// The name under which rows and documents keep their only file.
    pub const SINGLE: &'static str = "";
}
