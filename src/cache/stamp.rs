//! Remembers the digests of large files together with size, modification time and inode, so that gigabytes are not
//! hashed again when nothing about them changed. Losing the stamps costs time and nothing else.

use std::{
    collections::BTreeMap,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::{Deserialize, Serialize};

use super::atomic;
use crate::{digest::Digest, failure::Failure};

/// Files up to this size are always hashed: it takes less than a millisecond.
pub(super) const ALWAYS_HASHED_BYTES: u64 = 1 << 20;

/// How a file looked when it was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
    inode: u64,
    digest: Digest,
}

/// All stamps of a store.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    stamps: BTreeMap<String, Stamp>,
    changed: bool,
}

/// The file: the digest of `stamps` tells whether it is whole.
#[derive(Serialize, Deserialize)]
struct Saved {
    seal: Digest,
    stamps: BTreeMap<String, Stamp>,
}

impl Stamps {
    /// The stamps kept at `path`; read at first use.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, known: Mutex::new(None) }
    }

    /// The digest of the file at `path`, whose metadata is given, if it looks as it did when it was hashed.
    pub(super) fn recall(&self, path: &Path, metadata: &Metadata) -> Option<Digest> {
        if metadata.len() <= ALWAYS_HASHED_BYTES {
            return None;
        }
        let digest = self.with(|known| known.stamps.get(path.to_str()?).map(|stamp| stamp.digest))?;
        let looks = stamp(metadata, digest);
        self.with(|known| (known.stamps.get(path.to_str()?) == Some(&looks)).then_some(digest))
    }

    /// Remembers that the file at `path` had this digest when it looked like that.
    pub(super) fn remember(&self, path: &Path, metadata: &Metadata, digest: Digest) {
        if metadata.len() <= ALWAYS_HASHED_BYTES {
            return;
        }
        let Some(name) = path.to_str() else { return };
        self.with(|known| {
            known.stamps.insert(name.to_owned(), stamp(metadata, digest));
            known.changed = true;
        });
    }

    /// Writes what was learnt.
    pub(super) fn save(&self) -> Result<(), Failure> {
        self.with(|known| {
            if !known.changed {
                return Ok(());
            }
            known.stamps.retain(|path, _| Path::new(path).exists());
            known.changed = false;
            let saved = Saved { seal: seal(&known.stamps), stamps: known.stamps.clone() };
            let bytes = serde_json::to_vec(&saved).unwrap_or_else(|error| crate::failure::bug(error));
            atomic::write(&self.path, &bytes)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(known.get_or_insert_with(|| load(&self.path)))
    }
}

fn load(path: &Path) -> Known {
    let saved = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Saved>(&bytes).ok());
    let stamps = saved.filter(|saved| seal(&saved.stamps) == saved.seal).map(|saved| saved.stamps);
    Known { stamps: stamps.unwrap_or_default(), changed: false }
}

fn seal(stamps: &BTreeMap<String, Stamp>) -> Digest {
    Digest::of(&serde_json::to_vec(stamps).unwrap_or_else(|error| crate::failure::bug(error)))
}

fn stamp(metadata: &Metadata, digest: Digest) -> Stamp {
    Stamp {
        bytes: metadata.len(),
        seconds: metadata.mtime(),
        nanoseconds: metadata.mtime_nsec(),
        inode: metadata.ino(),
        digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_or_a_damaged_list_is_not_recalled() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("weights");
        std::fs::write(&file, vec![1; 2 << 20]).unwrap();
        let list = dir.path().join("stamps.json");
        let stamps = Stamps::at(list.clone());
        let metadata = std::fs::metadata(&file).unwrap();
        stamps.remember(&file, &metadata, Digest::of(b"d"));
        stamps.save().unwrap();
        assert_eq!(Stamps::at(list.clone()).recall(&file, &metadata), Some(Digest::of(b"d")));

        let saved = std::fs::read_to_string(&list).unwrap();
        std::fs::write(&list, saved.replace(&Digest::of(b"d").hex(), &Digest::of(b"e").hex())).unwrap();
        assert_eq!(Stamps::at(list).recall(&file, &metadata), None);

        std::fs::write(&file, vec![2; 2 << 20]).unwrap();
        assert_eq!(stamps.recall(&file, &std::fs::metadata(&file).unwrap()), None);
    }

    #[test]
    fn small_files_are_always_hashed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rows");
        std::fs::write(&file, b"{}\n").unwrap();
        let metadata = std::fs::metadata(&file).unwrap();
        let stamps = Stamps::at(dir.path().join("stamps.json"));
        stamps.remember(&file, &metadata, Digest::of(b"{}\n"));
        assert_eq!(stamps.recall(&file, &metadata), None);
    }
}
