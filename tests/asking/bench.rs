//! Runs stages that ask a model, in a temporary folder, beside a server that plays the endpoint.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use chorale::{
    artifact::{
        Artifact, ENDPOINT,
        row::{Row, question::Question},
        table::{self, RowWriter},
    },
    digest::Digest,
    endpoint::{Access, Site},
    failure::Failure,
    secret::Secret,
    stage::{
        context::{Context, Observer},
        contract::{Problem, Stage},
        kinds::KINDS,
    },
};
use serde_json::{Value as Json, json};
use toml::de::DeTable;

use crate::{
    decode::bench::tiny_model,
    runtime,
    support::server::{Asked, Reply, Server},
};

/// A folder with inputs, outputs, a journal, and the way to an endpoint.
pub(super) struct Bench {
    dir: tempfile::TempDir,
    notes: Mutex<Vec<String>>,
    pub(super) cancelled: AtomicBool,
    pub(super) access: Access,
    /// Where a model of the recipe lies, for those who read it as `model`.
    pub(super) model: Option<PathBuf>,
}

impl Observer for Bench {
    fn progress(&self, _: u64, _: u64, _: &'static str) {}

    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
}

/// An impatient site at `url`.
pub(super) fn site(url: &str) -> Site {
    Site {
        url: url.to_owned(),
        key_variable: None,
        concurrency: 4,
        requests_per_minute: None,
        timeout_seconds: 5.0,
        attempts: 4,
        backoff_seconds: 0.01,
    }
}

impl Bench {
    /// With the endpoint `judge` at `url`.
    pub(super) fn new(url: &str) -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            notes: Mutex::default(),
            cancelled: AtomicBool::new(false),
            access: Access { site: site(url), key: None },
            model: None,
        };
        bench.describe(&json!({}));
        bench
    }

    /// With a tiny model of the recipe instead.
    pub(super) fn local() -> Self {
        let mut bench = Self::new("http://127.0.0.1:9");
        let folder = bench.path("tiny");
        tiny_model(&folder);
        bench.model = Some(folder);
        bench
    }

    pub(super) fn with_key(mut self, key: &str) -> Self {
        self.access.key = Secret::new(key);
        self.access.site.key_variable = Some("THE_KEY".to_owned());
        self
    }

    /// Writes the endpoint's artifact, by its own kind.
    pub(super) fn describe(&self, settings: &Json) {
        let mut all = json!({"url": "http://x/v1", "model": "tiny"});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.run("endpoint", &toml::to_string(&all).unwrap()).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

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

    /// What the stages said so far.
    pub(super) fn notes(&self) -> String {
        self.notes.lock().unwrap().join("\n")
    }

    /// Forgets what was answered.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.path("journal"));
        self.notes.lock().unwrap().clear();
        self.cancelled.store(false, Ordering::SeqCst);
    }

    /// Runs a stage; references name files of the folder.
    pub(super) fn run(&self, kind: &str, settings: &str) -> Result<(), Failure> {
        let stage = parse(kind, settings);
        assert_eq!(stage.check(), []);
        let ports = stage.ports();
        let mut endpoints = BTreeMap::new();
        let mut inputs = BTreeMap::new();
        for port in &ports.inputs {
            let path = self.path(&port.from.node);
            let single = || [(Artifact::SINGLE.to_owned(), path.clone())].into();
            let (kind, files) = match &self.model {
                Some(model) if port.takes(ENDPOINT) => (port.kinds[0], files_of(model)),
                None if port.takes(ENDPOINT) => {
                    endpoints.insert(port.field.clone(), self.access.clone());
                    (ENDPOINT, single())
                }
                // Among several kinds of rows, the name of the file says which it is.
                _ => {
                    let named = port.kinds.iter().find(|kind| port.from.node.starts_with(kind.name));
                    (*named.unwrap_or(&port.kinds[0]), single())
                }
            };
            inputs.insert(port.field.clone(), Artifact { kind, digest: Digest::of(b""), files });
        }
        std::fs::create_dir_all(self.path("journal")).unwrap();
        let cx = Context {
            inputs,
            files: BTreeMap::new(),
            endpoints,
            ports: ports.clone(),
            staging: self.dir.path().to_owned(),
            journal: self.path("journal"),
            observer: self,
            cancelled: &self.cancelled,
            runtime: runtime::lazy(),
        };
        stage.run(&cx)
    }
}

fn files_of(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

pub(super) fn parse(kind: &str, settings: &str) -> std::sync::Arc<dyn Stage> {
    let entry = KINDS.iter().find(|entry| entry.name == kind).unwrap();
    entry.parse(DeTable::parse(settings).unwrap()).unwrap()
}

/// The fields that a stage of `kind` with these settings has problems with.
pub(super) fn problems(kind: &str, settings: &str) -> Vec<String> {
    parse(kind, settings).check().into_iter().map(|Problem { field, .. }| field).collect()
}

/// A question without choices.
pub(super) fn question(id: &str, lang: &str, text: &str) -> Question {
    Question {
        id: id.to_owned(),
        lang: lang.to_owned(),
        question: text.to_owned(),
        choices: Vec::new(),
        answer: None,
        choice_ids: Vec::new(),
        split: String::new(),
        group: String::new(),
    }
}

/// What a request asks: its prompt or its last message.
pub(super) fn prompt_of(asked: &Asked) -> String {
    let body: Json = serde_json::from_slice(&asked.body).unwrap();
    let message =
        body.pointer("/messages").and_then(|list| list.as_array()?.last()?.get("content")?.as_str());
    message.or(body["prompt"].as_str()).unwrap().to_owned()
}

/// A reply with these answers, in the form that the path wants.
pub(super) fn reply(asked: &Asked, texts: &[String]) -> Reply {
    let choice = |(index, text): (usize, &String)| {
        if asked.path.ends_with("/chat/completions") {
            json!({"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"})
        } else {
            json!({"index": index, "text": text, "finish_reason": "length"})
        }
    };
    let choices: Vec<Json> = texts.iter().enumerate().map(choice).collect();
    let body = json!({"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    Reply { status: 200, body: body.to_string().into_bytes(), ..Reply::default() }
}

/// A server that answers each prompt with a function of it.
pub(super) fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
    Server::new(move |asked| reply(asked, &[answer(&prompt_of(asked))]))
}
