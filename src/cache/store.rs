//! The store: a folder with objects, records and everything else a run leaves behind.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    FORMAT, Latest, StaleReason, atomic,
    ingredients::Explanation,
    key::Key,
    lock::Lock,
    object::{Objects, Output, Unusable},
    outside,
    record::Record,
    stale,
    stamp::Stamps,
};
use crate::{
    artifact::{Artifact, ArtifactKind},
    digest::Digest,
    failure::{Cause, Failure},
};

/// The standard text that tells backup programs to leave a folder out.
const CACHEDIR_TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# This folder was made by chorale.\n";

/// An opened store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    objects: Objects,
    stamps: Stamps,
}

/// What a store knows about a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The work is done, and every byte of it was verified.
    Hit(Box<Record>, BTreeMap<String, Artifact>),
    /// The work is not done.
    Missing,
    /// The work was done, but what is left of it is damaged.
    Damaged(Remains),
}

/// Work that was done and of which only damaged files are left. [`Store::discard`] removes them.
#[derive(Clone, Debug)]
pub struct Remains {
    /// What is wrong with it.
    pub what: String,
    record: PathBuf,
    object: Option<Digest>,
}

impl Store {
    /// Opens the store at `root` and creates it if there is none. A folder that holds something else is refused, and
    /// so is a store of another format.
    pub fn open(root: &Path) -> Result<Self, Failure> {
        let shown = root.display();
        match fs::read_to_string(root.join("FORMAT")) {
            Ok(text) if text.trim() == FORMAT.to_string() => {}
            Ok(text) => {
                let other: String = text.trim().chars().take(20).collect();
                let message =
                    format!("store `{shown}` has format `{other}`, this chorale writes format `{FORMAT}`");
                return Err(
                    Failure::store(message).hint("name another folder with `--cache DIR`, or remove it")
                );
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(root)?,
            Err(error) => return Err(Failure::io(Cause::Store, "open", &root.join("FORMAT"), &error)),
        }
        let objects = Objects::at(root.join("objects"));
        let store = Self { root: root.to_owned(), objects, stamps: Stamps::at(root.join("stamps.json")) };
        store.sweep_staging();
        Ok(store)
    }

    /// The folder it was opened at.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Looks a key up and changes nothing. `ports` gives the artifact kind of every output the work must have.
    pub fn lookup<'p>(
        &self,
        kind: &str,
        key: Key,
        ports: impl Iterator<Item = (&'p str, ArtifactKind)>,
    ) -> Result<Lookup, Failure> {
        let path = self.record_path(kind, key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lookup::Missing),
            Err(error) => return Err(Failure::io(Cause::Store, "read", &path, &error)),
        };
        let record = match Record::unseal(&bytes, kind, key) {
            Ok(record) => record,
            Err(what) => return Ok(Lookup::Damaged(Remains { what, record: path, object: None })),
        };
        let mut artifacts = BTreeMap::new();
        for (port, kind) in ports {
            let Some(output) = record.outputs.get(port) else {
                let what = format!("record has no output `{port}`");
                return Ok(Lookup::Damaged(Remains { what, record: path, object: None }));
            };
            match self.objects.open(&self.stamps, output, kind) {
                Ok(artifact) => artifacts.insert(port.to_owned(), artifact),
                Err(Unusable { digest, what }) => {
                    return Ok(Lookup::Damaged(Remains { what, record: path, object: Some(digest) }));
                }
            };
        }
        Ok(Lookup::Hit(Box::new(record), artifacts))
    }

    /// Removes the record and the object that were found damaged, so that nothing can use them.
    pub fn discard(&self, remains: &Remains) -> Result<(), Failure> {
        atomic::remove(&remains.record)?;
        remains.object.map_or(Ok(()), |digest| self.objects.discard(digest))
    }

    /// The artifact of an output that is already in the store, verified.
    pub fn artifact(&self, output: &Output, kind: ArtifactKind) -> Result<Artifact, Failure> {
        let opened = self.objects.open(&self.stamps, output, kind);
        opened
            .map_err(|Unusable { what, .. }| Failure::store(what).hint("run again: it will be computed anew"))
    }

    /// The record of a key, if there is a believable one; its objects are not looked at.
    pub fn record(&self, kind: &str, key: Key) -> Option<Record> {
        Record::unseal(&fs::read(self.record_path(kind, key)).ok()?, kind, key).ok()
    }

    /// Why work with this key and explanation is not what the stage did last time in its recipe. Empty if it is.
    pub fn differences(&self, latest: &Latest, stage: &str, key: Key, now: &Explanation) -> Vec<StaleReason> {
        match latest.stages.get(stage) {
            None => vec![StaleReason::New],
            Some(pointer) if pointer.key == key => Vec::new(),
            Some(pointer) => match self.record(&pointer.kind, pointer.key) {
                Some(before) => stale::differences(&before.explanation, now),
                None => vec![StaleReason::Forgotten],
            },
        }
    }

    /// The digest of a file or folder outside the store, by content.
    pub fn digest_outside(&self, path: &Path) -> Result<Digest, Failure> {
        outside::digest(&self.stamps, path)
    }

    /// The last finished work of the stages of `recipe`.
    pub fn latest(&self, recipe: &str) -> Latest {
        Latest::load(&self.latest_path(recipe))
    }

    /// Remembers the last finished work of the stages of `recipe`.
    pub fn set_latest(&self, recipe: &str, latest: &Latest) -> Result<(), Failure> {
        latest.save(&self.latest_path(recipe))
    }

    /// Keeps what was learnt about large files for the next time.
    pub fn save_stamps(&self) -> Result<(), Failure> {
        self.stamps.save()
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    pub(super) fn record_path(&self, kind: &str, key: Key) -> PathBuf {
        self.root.join("keys").join(atomic::file_name(kind)).join(format!("{key}.json"))
    }

    pub(super) fn lock_path(&self, key: Key) -> PathBuf {
        self.root.join("locks").join(format!("{key}.lock"))
    }

    pub(super) fn staging_path(&self, key: Key) -> PathBuf {
        self.root.join("staging").join(key.hex())
    }

    fn latest_path(&self, recipe: &str) -> PathBuf {
        self.root.join("latest").join(format!("{}.json", atomic::file_name(recipe)))
    }

    /// Removes what killed processes left in `staging`. A key that somebody computes right now is locked and stays.
    fn sweep_staging(&self) {
        for path in atomic::entries(&self.root.join("staging")).unwrap_or_default() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Ok(key) = name.parse::<Key>() else { continue };
            if let Ok(Some(_lock)) = Lock::try_take(&self.lock_path(key)) {
                drop(atomic::remove(&path));
            }
        }
    }
}

fn create(root: &Path) -> Result<(), Failure> {
    let shown = root.display();
    let of_others = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        !name.starts_with('.') && name != "CACHEDIR.TAG"
    };
    if atomic::entries(root)?.iter().any(of_others) {
        let message = format!("folder `{shown}` is neither empty nor a store");
        return Err(Failure::store(message).hint("name another folder with `--cache DIR`"));
    }
    atomic::write(&root.join(".gitignore"), b"*\n")?;
    atomic::write(&root.join("CACHEDIR.TAG"), CACHEDIR_TAG.as_bytes())?;
    // Last, because it is what makes the folder a store.
    atomic::write(&root.join("FORMAT"), format!("{FORMAT}\n").as_bytes())
}
