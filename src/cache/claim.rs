//! The right to compute a key: a held lock, an empty place for outputs, and the journal of earlier attempts.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{atomic, key::Key, lock::Lock, object::Output, record::Record, store::Store};
use crate::{
    artifact::ArtifactKind,
    failure::{Cause, Failure},
};

/// The right to compute a key. While it lives no other process computes the same.
#[derive(Debug)]
pub struct Claim<'a> {
    store: &'a Store,
    key: Key,
    staging: PathBuf,
    journal: PathBuf,
    resumes: bool,
    _lock: Lock,
}

impl Store {
    /// Claims a key. Absent when another process (or thread) has claimed it.
    pub fn claim(&self, key: Key) -> Result<Option<Claim<'_>>, Failure> {
        let Some(lock) = Lock::try_take(&self.lock_path(key))? else { return Ok(None) };
        let staging = self.staging_path(key);
        atomic::remove(&staging)?;
        let journal = self.root().join("journal").join(key.hex());
        let resumes = !atomic::entries(&journal)?.is_empty();
        for folder in [&staging, &journal] {
            fs::create_dir_all(folder)
                .map_err(|error| Failure::io(Cause::Store, "create", folder, &error))?;
        }
        Ok(Some(Claim { store: self, key, staging, journal, resumes, _lock: lock }))
    }
}

impl Claim<'_> {
    /// An empty folder for outputs.
    pub fn staging(&self) -> &Path {
        &self.staging
    }

    /// The folder that survives kills until the key is recorded.
    pub fn journal(&self) -> &Path {
        &self.journal
    }

    /// Whether the journal holds something of an earlier attempt.
    pub fn resumes(&self) -> bool {
        self.resumes
    }

    /// Moves the outputs from the staging folder into the store, all named in `ports`.
    pub fn put<'p>(
        &self,
        ports: impl Iterator<Item = (&'p str, ArtifactKind)>,
    ) -> Result<BTreeMap<String, Output>, Failure> {
        let mut outputs = BTreeMap::new();
        for (port, kind) in ports {
            let output = self.store.objects().put(self.store.stamps(), &self.staging.join(port), kind)?;
            outputs.insert(port.to_owned(), output);
        }
        Ok(outputs)
    }

    /// Records the finished work. From here on the key is a hit, and its journal is gone.
    pub fn record(&self, record: Record) -> Result<(), Failure> {
        let path = self.store.record_path(&record.kind, self.key);
        atomic::write_through(&self.staging, &path, &record.seal())?;
        // A journal that stays behind only takes space.
        drop(atomic::remove(&self.journal));
        Ok(())
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // What stays behind is removed by the next claim.
        drop(atomic::remove(&self.staging));
        // Succeeds only if the journal was never used.
        drop(fs::remove_dir(&self.journal));
    }
}
