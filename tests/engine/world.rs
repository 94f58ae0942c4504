//! A temporary folder with a recipe and a store, and runs in it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use chorale::{
    cache::{StaleReason, Store},
    engine::{
        self, Forecast, Settings,
        event::{Event, Listener, Status, Timed},
        outcome::{RunOutcome, StageEnd},
    },
    plan::{self, Plan},
    runtime::{LazyRuntime, RuntimeSettings},
};

use super::kinds::KINDS;

/// A recipe and a store.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    /// A recipe and no store yet. `LOG` in the recipe stands for the file that toy kinds leave traces in.
    pub(crate) fn new(recipe: &str) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        world.write(recipe);
        world
    }

    /// Replaces the recipe.
    pub(crate) fn write(&self, recipe: &str) {
        let log = self.path("log").display().to_string();
        let text = format!("[recipe]\nname = \"toy\"\n{}", recipe.replace("LOG", &log));
        fs::write(self.path("recipe.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("cache")).unwrap()
    }

    /// Runs the recipe to its end.
    pub(crate) fn run(&self) -> Ran {
        run(self.dir.path(), &mut |_| (), &AtomicBool::new(false))
    }

    /// What a run would do.
    pub(crate) fn forecast(&self) -> Vec<Forecast> {
        with_settings(self.dir.path(), &AtomicBool::new(false), engine::forecast)
    }

    /// The lines that toy kinds left since the last call.
    pub(crate) fn traces(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        fs::write(self.path("log"), "").unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Every file below `folder`, relative to it.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.path(folder), &self.path(folder), &mut files);
        files.sort();
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// A run and what was heard of it.
pub(crate) struct Ran {
    pub(crate) outcome: RunOutcome,
    pub(crate) events: Vec<Timed>,
}

impl Ran {
    pub(crate) fn end(&self, stage: &str) -> StageEnd {
        self.outcome.stage(stage).unwrap().end
    }

    pub(crate) fn reasons(&self, stage: &str) -> &[StaleReason] {
        &self.outcome.stage(stage).unwrap().reasons
    }

    pub(crate) fn failure(&self, stage: &str) -> &chorale::failure::Failure {
        self.outcome.stage(stage).unwrap().failure.as_ref().unwrap()
    }

    /// The names of all stages that ended like that.
    pub(crate) fn ended(&self, end: StageEnd) -> Vec<&str> {
        let stages = self.outcome.stages.iter().filter(|stage| stage.end == end);
        stages.map(|stage| stage.name.as_str()).collect()
    }

    /// Output digests by stage and port.
    pub(crate) fn digests(&self) -> BTreeMap<String, String> {
        let stages = self.outcome.stages.iter();
        let outputs = stages.flat_map(|stage| {
            let name = |port: &String| format!("{}.{port}", stage.name);
            stage.artifacts.iter().map(move |(port, artifact)| (name(port), artifact.digest.hex()))
        });
        outputs.collect()
    }

    pub(crate) fn assert_succeeded(&self) {
        let failures: Vec<_> =
            self.outcome.stages.iter().filter_map(|stage| stage.failure.as_ref()).collect();
        assert_eq!(self.outcome.status, Status::Succeeded, "{failures:?}");
    }
}

/// A runtime that cannot be had.
fn no_runtime(dir: &Path) -> LazyRuntime {
    let mut nowhere = RuntimeSettings::new(dir.join("no-runtime"));
    nowhere.offline = true;
    nowhere.library = Some(dir.join("no-such-library.so"));
    LazyRuntime::new(nowhere)
}

/// Runs `recipe.toml` in `dir` with the store `cache`.
pub(crate) fn run(dir: &Path, hear: &mut dyn FnMut(&Event), cancelled: &AtomicBool) -> Ran {
    with_settings(dir, cancelled, |plan, store, settings| {
        let mut heard = Heard { events: Vec::new(), hear: Some(hear) };
        let outcome = engine::run(plan, store, &mut heard, settings);
        Ran { outcome, events: heard.events }
    })
}

/// Plans `recipe.toml` in `dir` and opens the store `cache`, without a runtime.
fn with_settings<T>(
    dir: &Path,
    cancelled: &AtomicBool,
    act: impl FnOnce(&Plan, &Store, &Settings<'_>) -> T,
) -> T {
    let path = dir.join("recipe.toml");
    let plan = plan::load(&path, &[], KINDS).unwrap_or_else(|problems| panic!("{problems:?}"));
    let store = Store::open(&dir.join("cache")).unwrap();
    let settings = Settings {
        text: fs::read_to_string(&path).unwrap(),
        path,
        overrides: Vec::new(),
        versions: BTreeMap::new(),
        threads: 2,
        cancelled,
        runtime: &no_runtime(dir),
        secrets: |_| None,
    };
    act(&plan, &store, &settings)
}

struct Heard<'a> {
    events: Vec<Timed>,
    hear: Option<&'a mut dyn FnMut(&Event)>,
}

impl Listener for Heard<'_> {
    fn hear(&mut self, event: &Timed) {
        if let Some(hear) = &mut self.hear {
            hear(&event.event);
        }
        self.events.push(event.clone());
    }
}
