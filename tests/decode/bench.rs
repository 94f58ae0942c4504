//! Runs `sample` and `score` on a tiny model folder, without plan and engine.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use chorale::{
    artifact::{
        Artifact,
        row::{Row, question::Question},
        table::{self, RowWriter},
    },
    checkpoint::folder::{self, ModelFiles},
    decode::load::Decoder,
    digest::Digest,
    failure::Failure,
    model::{arch::llama::LlamaConfig, layer::attention::Heads},
    stage::{
        context::{Context, Observer},
        contract::{Problem, Stage},
        kinds::KINDS,
    },
    token::{
        Tokenizer,
        training::{Training, train},
    },
};
use toml::de::DeTable;

use crate::{model::tiny, runtime};

/// A folder with a tiny model, inputs, outputs and a journal.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    cancelled: AtomicBool,
    /// How many more times progress may be told before the stage is cancelled.
    patience: AtomicU64,
}

impl Observer for Bench {
    fn progress(&self, _: u64, _: u64, _: &'static str) {
        if self.patience.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }

    fn note(&self, _: &str) {}
}

/// Texts that the tokenizer is trained on; questions are made of their words.
pub(super) const TEXTS: [&str; 4] = [
    "The capital of France is Paris.",
    "日本の首都は東京です。",
    "La capitale de l'Italie est Rome.",
    "عاصمة مصر هي القاهرة",
];

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self::empty();
        tiny_model(&bench.path("model"));
        bench
    }

    /// With the model in `folder`.
    pub(super) fn of(folder: &Path) -> Self {
        let bench = Self::empty();
        std::fs::create_dir(bench.path("model")).unwrap();
        for (name, path) in files_of(folder) {
            std::fs::copy(path, bench.path("model").join(name)).unwrap();
        }
        bench
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, cancelled: AtomicBool::new(false), patience: AtomicU64::new(u64::MAX) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn model(&self) -> (Decoder, Tokenizer) {
        let files = ModelFiles::in_folder(&self.path("model")).unwrap();
        (Decoder::open(runtime::runtime(), &files).unwrap(), Tokenizer::open(&files).unwrap())
    }

    /// Writes rows under the name by which settings refer to them.
    pub(super) fn rows<R: Row>(&self, name: &str, rows: &[R]) {
        let mut writer = RowWriter::create(&self.path(name)).unwrap();
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.finish().unwrap();
    }

    pub(super) fn read<R: Row>(&self, name: &str) -> Vec<R> {
        table::read(&self.path(name)).unwrap()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs a stage; its journal is the folder `journal`, made anew if it is not there.
    pub(super) fn run(&self, kind: &str, settings: &str, journal: &str) -> Result<(), Failure> {
        let stage = parse(kind, settings);
        assert_eq!(stage.check(), []);
        let ports = stage.ports();
        let inputs = ports.inputs.iter().map(|port| {
            let path = self.path(&port.from.node);
            let files =
                if path.is_dir() { files_of(&path) } else { [(Artifact::SINGLE.to_owned(), path)].into() };
            (port.field.clone(), Artifact { kind: port.kinds[0], digest: Digest::of(b""), files })
        });
        let journal = self.path(journal);
        std::fs::create_dir_all(&journal).unwrap();
        let cx = Context {
            inputs: inputs.collect(),
            files: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            ports: ports.clone(),
            staging: self.dir.path().to_owned(),
            journal,
            observer: self,
            cancelled: &self.cancelled,
            runtime: runtime::lazy(),
        };
        stage.run(&cx)
    }

    /// Runs a stage that is cancelled when it has told its progress `steps` times.
    pub(super) fn interrupt(&self, kind: &str, settings: &str, journal: &str, steps: u64) {
        self.patience.store(steps, Ordering::Relaxed);
        assert_eq!(self.run(kind, settings, journal).unwrap_err(), Failure::cancelled());
        self.patience.store(u64::MAX, Ordering::Relaxed);
        self.cancelled.store(false, Ordering::Relaxed);
    }
}

/// Makes a tiny model with random weights and a tokenizer that knows [`TEXTS`].
pub(crate) fn tiny_model(model: &Path) {
    std::fs::create_dir(model).unwrap();
    let training = Training {
        vocabulary_size: 300,
        min_frequency: 1,
        begin: "<s>".to_owned(),
        end: "</s>".to_owned(),
        pad: "<pad>".to_owned(),
    };
    let vocabulary = train(model, TEXTS.into_iter(), &training).unwrap();
    let config = LlamaConfig {
        vocabulary,
        width: 32,
        inner: 48,
        layers: 2,
        heads: Heads { query: 2, key_value: 1, width: 16 },
        positions: 96,
        norm_epsilon: 1e-5,
        rope_theta: 10_000.0,
        tied: true,
    };
    let weights = tiny::weights(&config.network().unwrap().parameters());
    folder::write(model, &config.to_json(), &weights).unwrap();
}

fn files_of(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

/// A stage of `kind` with settings in TOML.
pub(super) fn parse(kind: &str, settings: &str) -> std::sync::Arc<dyn Stage> {
    let entry = KINDS.iter().find(|entry| entry.name == kind).unwrap();
    entry.parse(DeTable::parse(settings).unwrap()).unwrap()
}

/// The fields that a stage of `kind` with these settings has problems with.
pub(super) fn problems(kind: &str, settings: &str) -> Vec<String> {
    parse(kind, settings).check().into_iter().map(|Problem { field, .. }| field).collect()
}

/// Questions with three candidates each, in two splits.
pub(super) fn questions() -> Vec<Question> {
    let question = |(index, text): (usize, &&str)| Question {
        id: format!("question-{}", index / 2),
        lang: if index % 2 == 0 { "en" } else { "ja" }.to_owned(),
        question: text.chars().take(4 + 3 * index).collect(),
        choices: vec![" Paris".to_owned(), "東京".to_owned(), " Rome, de l'Italie".to_owned()],
        answer: Some(index % 3),
        choice_ids: Vec::new(),
        split: if index < 4 { "trained" } else { "held-out" }.to_owned(),
        group: String::new(),
    };
    let texts: Vec<&str> = TEXTS.iter().chain(&TEXTS).copied().collect();
    texts.iter().enumerate().map(question).collect()
}
