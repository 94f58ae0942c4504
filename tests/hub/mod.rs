//! Models from a hub: fetched, resumed, checked, locked, and clear words when that cannot be.
#![expect(clippy::unwrap_used, reason = "tests")]

mod command;
mod fetch;
mod server;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use chorale::{
    failure::Failure,
    hub::{
        Hub, Model, Repository, Revision, Settings,
        lock::{Lock, LockedModel},
    },
    secret::Secret,
};

static NEVER: AtomicBool = AtomicBool::new(false);

pub(crate) fn settings(endpoint: &str, folder: &Path) -> Settings {
    Settings {
        endpoint: endpoint.to_owned(),
        cache: folder.join("hub"),
        views: folder.join("views"),
        token: Secret::new("hf_secret"),
        offline: false,
    }
}

pub(crate) fn model(repository: &str, revision: &str) -> Model {
    Model { repository: Repository::parse(repository).unwrap(), revision: Revision::parse(revision).unwrap() }
}

/// Fetches `org/name` at `main`.
pub(crate) fn fetch(settings: &Settings, lock: &Lock) -> Result<(LockedModel, std::path::PathBuf), Failure> {
    let model = model("org/name", "main");
    Hub::new(settings.clone(), Arc::new(|_: &str| {}), &NEVER).fetch(&model, lock.find(&model))
}
