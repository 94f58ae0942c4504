//! Puts a model together: which commit, which files, each of them there and as the lock file says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use super::{
    Cancelled, Listener, Settings,
    cache::Cache,
    client::Client,
    download::{self, Job},
    lock::{LockedFile, LockedModel},
    name::{self, INDEX, Model, WEIGHTS},
    verify::View,
};
use crate::failure::{Cause, Failure};

/// The longest index of weight files, in bytes.
const LONGEST_INDEX: u64 = 64 << 20;

/// A hub, and the cache of what came from it.
pub struct Hub<'a> {
    settings: Settings,
    cache: Cache,
    client: Client,
    listener: Listener,
    cancelled: Cancelled<'a>,
}

impl fmt::Debug for Hub<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<'a> Hub<'a> {
    /// Opens nothing yet.
    pub fn new(settings: Settings, listener: Listener, cancelled: Cancelled<'a>) -> Self {
        let cache = Cache::at(&settings.cache);
        Self { cache, client: Client::new(&settings), settings, listener, cancelled }
    }

    /// The folder of links to a model's files, whether it is there or not.
    pub fn view(views: &Path, locked: &LockedModel) -> PathBuf {
        views.join(locked.hf.folder()).join(&locked.commit)
    }

    /// Makes sure that all files of a model are there: those of the lock file, or those that the hub has now. Returns what to
    /// lock and a folder with exactly these files.
    pub fn fetch(
        &self,
        model: &Model,
        locked: Option<&LockedModel>,
    ) -> Result<(LockedModel, PathBuf), Failure> {
        match locked {
            Some(locked) => self.fetch_locked(model, locked),
            None => self.fetch_new(model),
        }
    }

    fn fetch_locked(&self, model: &Model, locked: &LockedModel) -> Result<(LockedModel, PathBuf), Failure> {
        let mut view = View::open(Self::view(&self.settings.views, locked), self.cancelled);
        let mut files = BTreeMap::new();
        for file in &locked.file {
            let path = self.file(model, &locked.commit, &file.name, Some(&file.sha256))?;
            let found = view.measure(&file.name, &path)?;
            if found != *file {
                return Err(differs(model, file, &found, &path));
            }
            files.insert(file.name.clone(), path);
        }
        Ok((locked.clone(), view.show(&files)?))
    }

    fn fetch_new(&self, model: &Model) -> Result<(LockedModel, PathBuf), Failure> {
        let (commit, names) = self.list(model)?;
        let mut files = BTreeMap::new();
        let wanted = |name: &&String| name::is_wanted(name) && (*name != INDEX || !names.contains(WEIGHTS));
        for name in names.iter().filter(wanted) {
            files.insert(name.clone(), self.file(model, &commit, name, None)?);
        }
        if let Some(index) = files.get(INDEX) {
            for shard in shards(model, index)? {
                let path = self.file(model, &commit, &shard, None)?;
                files.insert(shard, path);
            }
        } else if !files.contains_key(WEIGHTS) {
            return Err(Failure::input(format!("{model} has no weights in safetensors")).hint(format!(
                "it has neither `{WEIGHTS}` nor `{INDEX}`; many models have another branch with them"
            )));
        }
        let mut locked = LockedModel {
            hf: model.repository.clone(),
            revision: model.revision.clone(),
            commit,
            file: Vec::new(),
        };
        let mut view = View::open(Self::view(&self.settings.views, &locked), self.cancelled);
        for (name, path) in &files {
            locked.file.push(view.measure(name, path)?);
        }
        self.remember(model, &locked.commit)?;
        Ok((locked, view.show(&files)?))
    }

    /// The commit of a revision and the names of its files: as the hub says, or offline as the cache does.
    fn list(&self, model: &Model) -> Result<(String, BTreeSet<String>), Failure> {
        if self.settings.offline {
            let commit = self.cache.commit(&model.repository, &model.revision);
            let commit = commit.ok_or_else(|| self.missing(model, None))?;
            let names = self.cache.names(&model.repository, &commit);
            if names.is_empty() {
                return Err(self.missing(model, None));
            }
            return Ok((commit, names.into_iter().collect()));
        }
        let described = download::patiently(model, self.cancelled, || self.client.describe(model))?;
        Ok((described.commit, described.files.into_iter().collect()))
    }

    fn remember(&self, model: &Model, commit: &str) -> Result<(), Failure> {
        if self.settings.offline {
            return Ok(());
        }
        self.cache.remember(&model.repository, &model.revision, commit)
    }

    /// A file of a commit, fetched if it is not there.
    fn file(
        &self,
        model: &Model,
        commit: &str,
        name: &str,
        locked: Option<&str>,
    ) -> Result<PathBuf, Failure> {
        if let Some(path) = self.cache.find(&model.repository, commit, name) {
            return Ok(path);
        }
        if self.settings.offline {
            return Err(self.missing(model, Some((commit, name))));
        }
        (self.listener)(&format!("fetching `{name}` of {model}"));
        let (client, cache) = (&self.client, &self.cache);
        Job { client, cache, model, commit, name, locked, cancelled: self.cancelled }.fetch()
    }

    /// What is not there and must not be fetched.
    fn missing(&self, model: &Model, file: Option<(&str, &str)>) -> Failure {
        let what = file.map_or_else(|| model.to_string(), |(_, name)| format!("`{name}` of {model}"));
        let place = match file {
            Some((commit, name)) => self.cache.snapshot(&model.repository, commit).join(name),
            None => self.cache.folder(&model.repository),
        };
        Failure::input(format!("{what} is not in the cache, and the network must not be used")).hint(format!(
            "run once without HF_HUB_OFFLINE, or fetch it on another machine; it belongs at `{}`",
            place.display()
        ))
    }
}

/// The weight files that an index names.
fn shards(model: &Model, index: &Path) -> Result<BTreeSet<String>, Failure> {
    let broken = |what: &str| Failure::input(format!("`{INDEX}` of {model} {what}"));
    let failed = |error: std::io::Error| Failure::io(Cause::Input, "read", index, &error);
    if std::fs::metadata(index).map_err(failed)?.len() > LONGEST_INDEX {
        return Err(broken("is too large"));
    }
    let bytes = std::fs::read(index).map_err(failed)?;
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| broken("is not JSON"))?;
    let map = json["weight_map"].as_object().ok_or_else(|| broken("has no table `weight_map`"))?;
    let shard = |name: &serde_json::Value| {
        let name = name.as_str().filter(|name| name::is_shard(name));
        name.map(str::to_owned).ok_or_else(|| broken("names a file that is no weight file beside it"))
    };
    map.values().map(shard).collect()
}

fn differs(model: &Model, locked: &LockedFile, found: &LockedFile, path: &Path) -> Failure {
    let message = format!(
        "`{}` of {model} is not the file of the lock file: it has {} bytes and SHA-256 {}, locked are {} bytes and SHA-256 {}",
        locked.name, found.bytes, found.sha256, locked.bytes, locked.sha256
    );
    Failure::input(message).hint(format!(
        "remove `{}` and what it links to, to fetch it again; or take the right lock file",
        path.display()
    ))
}
