//! Checks files against their SHA-256, and remembers what was checked as long as the file looks the same.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Cancelled,
    cache::{make_parent, write},
    lock::LockedFile,
};
use crate::failure::{Cause, Failure};

/// How a file looked when it was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
    inode: u64,
    sha256: String,
}

impl Stamp {
    fn new(metadata: &Metadata, sha256: String) -> Self {
        Self {
            bytes: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            inode: metadata.ino(),
            sha256,
        }
    }
}

/// The name under which a folder of links keeps its stamps; hidden, so that it is no part of the model.
const STAMPS: &str = ".sha256.json";

/// A folder of links to the files of one model.
#[derive(Debug)]
pub(super) struct View<'a> {
    folder: PathBuf,
    stamps: BTreeMap<String, Stamp>,
    cancelled: Cancelled<'a>,
}

impl<'a> View<'a> {
    /// The folder, with what is remembered about its files.
    pub(super) fn open(folder: PathBuf, cancelled: Cancelled<'a>) -> Self {
        let saved = fs::read(folder.join(STAMPS)).ok();
        let stamps = saved.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { folder, stamps, cancelled }
    }

    /// Size and SHA-256 of a model's file that lies at `path`.
    pub(super) fn measure(&mut self, name: &str, path: &Path) -> Result<LockedFile, Failure> {
        let failed = |error: io::Error| Failure::io(Cause::Input, "read", path, &error);
        let metadata = fs::metadata(path).map_err(failed)?;
        let known = self.stamps.get(name).map(|stamp| stamp.sha256.clone());
        let known =
            known.filter(|sha256| self.stamps.get(name) == Some(&Stamp::new(&metadata, sha256.clone())));
        let sha256 = match known {
            Some(sha256) => sha256,
            None => sha256(path, self.cancelled)?,
        };
        self.stamps.insert(name.to_owned(), Stamp::new(&metadata, sha256.clone()));
        Ok(LockedFile { name: name.to_owned(), bytes: metadata.len(), sha256 })
    }

    /// Makes the folder hold links to exactly these files, and returns it.
    pub(super) fn show(mut self, files: &BTreeMap<String, PathBuf>) -> Result<PathBuf, Failure> {
        self.stamps.retain(|name, _| files.contains_key(name));
        for (name, path) in files {
            let link = self.folder.join(name);
            let failed = |error: io::Error| Failure::io(Cause::Store, "write", &link, &error);
            let content = fs::canonicalize(path).map_err(failed)?;
            if fs::read_link(&link).is_ok_and(|there| there == content) {
                continue;
            }
            make_parent(&link)?;
            if fs::symlink_metadata(&link).is_ok() {
                fs::remove_file(&link).map_err(failed)?;
            }
            symlink(&content, &link).map_err(failed)?;
        }
        self.remove_others(files)?;
        let bytes = serde_json::to_vec(&self.stamps).unwrap_or_default();
        if fs::read(self.folder.join(STAMPS)).ok().as_ref() != Some(&bytes) {
            write(&self.folder.join(STAMPS), &bytes)?;
        }
        Ok(self.folder)
    }

    /// Removes links that an earlier version of the lock file asked for.
    fn remove_others(&self, files: &BTreeMap<String, PathBuf>) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io(Cause::Store, "clean", &self.folder, &error);
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let known = name.to_str().is_some_and(|name| {
                name.starts_with('.')
                    || files.keys().any(|file| file == name || file.starts_with(&format!("{name}/")))
            });
            if !known && fs::symlink_metadata(entry.path()).is_ok_and(|metadata| metadata.is_symlink()) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// The SHA-256 of a file, in hexadecimal digits.
pub(super) fn sha256(path: &Path, cancelled: Cancelled<'_>) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::io(Cause::Input, "read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        if cancelled.load(Ordering::Relaxed) {
            return Err(Failure::cancelled());
        }
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
            return Ok(hasher
                .finalize()
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect());
        }
        hasher.update(&buffer[..count]);
    }
}
