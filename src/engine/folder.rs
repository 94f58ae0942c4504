//! The folder of a run, for people and tools: events, the recipe, a record of what happened, and links to all outputs
//! under the names that the recipe gives them.
//!
//! ```text
//! cache/runs/2026-11-21T03-14-26Z-3fa91c/
//!   events.jsonl recipe.toml record.json
//!   outputs/vote/votes.jsonl    outputs/train/model/config.json ...
//! ```
//!
//! The folder appears with the first stage that has to run. If it cannot be written, the run goes on without it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    clock::Clock,
    event::{Event, Listener, Status, Timed},
    outcome::{StageEnd, StageOutcome},
};
use crate::{
    artifact::{Artifact, Form},
    cache::{Key, Output, StaleReason, atomic},
    digest::Digest,
    failure::{Cause, Failure, bug},
};

/// Progress is written down at most once per this many seconds.
const PROGRESS_SECONDS: f64 = 10.0;

/// What happened in a run: `record.json` of its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The recipe's name.
    pub recipe: String,
    /// The recipe's file as the user named it.
    pub path: PathBuf,
    /// The digest of the recipe's text.
    pub digest: String,
    /// Overrides of the command line.
    pub overrides: Vec<String>,
    /// Versions of chorale and of what it used.
    pub versions: BTreeMap<String, String>,
    /// When it began, in UTC.
    pub started: String,
    /// How it ended.
    pub status: Status,
    /// Wall time.
    pub seconds: f64,
    /// All stages in plan order.
    pub stages: Vec<StageRecord>,
}

/// What happened to a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Its name in the recipe.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The stages it reads from.
    pub needs: Vec<String>,
    /// How it ended.
    pub end: StageEnd,
    /// Its key, if it was known.
    pub key: Option<Key>,
    /// Why it ran; empty if it did not.
    pub reasons: Vec<StaleReason>,
    /// Wall time of the work when it was done; absent if it never was.
    pub seconds: Option<f64>,
    /// What it wrote, by port.
    pub outputs: BTreeMap<String, Output>,
    /// What the user was told while it was done.
    pub notes: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl RunRecord {
    /// Reads the record of a run folder.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("record.json");
        let bytes = fs::read(&path).map_err(|error| Failure::io(Cause::Input, "read", &path, &error))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::input(format!("`{}` is not the record of a run: {error}", path.display()))
        })
    }

    /// Whether all of `stages` were done in this run, or had been before it, as the very work that they are.
    pub(super) fn covers(&self, stages: &[StageOutcome]) -> bool {
        let known: BTreeMap<&str, Option<Key>> =
            self.stages.iter().map(|stage| (stage.name.as_str(), stage.key)).collect();
        let same = |stage: &StageOutcome| known.get(stage.name.as_str()) == Some(&stage.key);
        self.status == Status::Succeeded && stages.iter().all(same)
    }
}

/// Hands events to the listener and writes them into the run folder, once there is one.
pub(super) struct Log<'a> {
    listener: &'a mut dyn Listener,
    clock: &'a Clock,
    runs: PathBuf,
    recipe: &'a str,
    folder: Option<PathBuf>,
    lines: Lines,
    progress: BTreeMap<String, f64>,
}

/// Where lines of events go.
enum Lines {
    /// Kept until it is known whether the run does anything.
    Held(Vec<u8>),
    /// Into the run folder.
    File(BufWriter<File>),
    /// Nowhere, because the folder could not be written.
    Lost,
}

impl<'a> Log<'a> {
    pub(super) fn new(
        listener: &'a mut dyn Listener,
        clock: &'a Clock,
        store: &Path,
        recipe: &'a str,
    ) -> Self {
        let lines = Lines::Held(Vec::new());
        let (runs, progress) = (store.join("runs"), BTreeMap::new());
        Self { listener, clock, runs, recipe, folder: None, lines, progress }
    }

    /// The folder, if it has been made.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Passes an event on.
    pub(super) fn emit(&mut self, event: Event) {
        let event = Timed { at: self.clock.seconds(), event };
        self.listener.hear(&event);
        if self.is_worth_a_line(&event) {
            let mut line = serde_json::to_vec(&event).unwrap_or_else(|error| bug(error));
            line.push(b'\n');
            if let Err(error) = self.write(&line) {
                self.lose(&error);
            }
        }
    }

    /// Makes the folder, if there is none yet, and writes the events so far into it.
    pub(super) fn open(&mut self) {
        let Lines::Held(held) = &mut self.lines else { return };
        let held = std::mem::take(held);
        match self.create(&held) {
            Ok(file) => self.lines = Lines::File(file),
            Err(error) => self.lose(&error),
        }
    }

    /// Writes the record and the links to all outputs.
    pub(super) fn close(&mut self, record: &RunRecord, stages: &[StageOutcome]) {
        let Some(folder) = self.folder.clone() else { return };
        let mut bytes = serde_json::to_vec_pretty(record).unwrap_or_else(|error| bug(error));
        bytes.push(b'\n');
        let written = atomic::write(&folder.join("record.json"), &bytes).and_then(|()| {
            let linked = stages.iter().try_for_each(|stage| link_outputs(&folder.join("outputs"), stage));
            linked.map_err(|error| Failure::io(Cause::Store, "link outputs in", &folder, &error))
        });
        if let Err(failure) = written {
            self.note(&failure.message);
        }
    }

    fn create(&mut self, held: &[u8]) -> io::Result<BufWriter<File>> {
        let time = self.clock.began().replace(':', "-");
        let seed = format!("{time} {} {}", self.clock.began_fraction(), std::process::id());
        let short: String = Digest::of(seed.as_bytes()).hex().chars().take(6).collect();
        let folder = self.runs.join(format!("{time}-{short}"));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("recipe.toml"), self.recipe)?;
        let mut file = BufWriter::new(File::create(folder.join("events.jsonl"))?);
        file.write_all(held)?;
        file.flush()?;
        self.folder = Some(folder);
        Ok(file)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.lines {
            Lines::Held(held) => held.extend_from_slice(line),
            Lines::File(file) => {
                file.write_all(line)?;
                file.flush()?;
            }
            Lines::Lost => {}
        }
        Ok(())
    }

    fn lose(&mut self, error: &io::Error) {
        self.lines = Lines::Lost;
        self.note(&format!("no events are written to `{}`: {error}", self.runs.display()));
    }

    /// Tells the listener alone: there may be no place to write to.
    fn note(&mut self, text: &str) {
        let event = Event::RunNote { text: text.to_owned() };
        self.listener.hear(&Timed { at: self.clock.seconds(), event });
    }

    fn is_worth_a_line(&mut self, event: &Timed) -> bool {
        let Event::StageProgress { stage, done, total, .. } = &event.event else { return true };
        let recent = self.progress.get(stage).is_some_and(|last| event.at - last < PROGRESS_SECONDS);
        if recent && done != total {
            return false;
        }
        self.progress.insert(stage.clone(), event.at);
        true
    }
}

/// Gives the outputs of a stage their names: `STAGE/PORT.jsonl`, `STAGE/PORT.json` or the folder `STAGE/PORT`.
fn link_outputs(outputs: &Path, stage: &StageOutcome) -> io::Result<()> {
    let folder = outputs.join(&stage.name);
    for (port, artifact) in &stage.artifacts {
        let path = match artifact.kind.form {
            Form::Rows => folder.join(format!("{port}.jsonl")),
            Form::Document => folder.join(format!("{port}.json")),
            Form::Folder => folder.join(port),
        };
        for (name, object) in &artifact.files {
            let path = if name == Artifact::SINGLE { path.clone() } else { path.join(name) };
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            // Not every file system has hard links, and none has endlessly many of one file.
            if fs::hard_link(object, &path).is_err() {
                fs::copy(object, &path)?;
            }
        }
    }
    Ok(())
}
