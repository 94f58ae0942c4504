//! A folder in memory that sessions map their weights from.
//!
//! The library copies weights that it is handed in memory, for every session, for as long as it sets the session up. Weights
//! that a graph refers to by file it maps instead: nothing is read or copied, and all sessions share one copy. So large
//! weights are written once, one file a weight under its name, into a folder on the machine's shared-memory file system,
//! where writing is no slower than filling an array.
//!
//! # Invariants
//! - The folder belongs to this process and its user alone (mode 0700, a name nobody can guess) and goes with its last
//!   user. What a killed process left is removed by the next one that makes a folder: the owner holds a lock.
//! - Without such a file system, or without room on it, there is no folder, and weights stay in arrays.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempDir};

/// Where Linux has its shared-memory file system.
const SHARED_MEMORY: &str = "/dev/shm";

/// What the folders' names begin with.
const PREFIX: &str = "chorale-weights-";

/// Locked by the owner for as long as it lives.
const LOCK: &str = ".lock";

/// Weights of fewer bytes are not worth a folder.
const LEAST: u64 = 64 << 20;

/// A folder for the weights of one model, removed when it is dropped. Sessions that have mapped its files keep them.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: TempDir,
    _lock: File,
}

impl Shelf {
    /// A folder with room for `bytes`; `None` where there cannot be one, or where it would not pay.
    pub(super) fn make(bytes: u64) -> Option<Self> {
        if bytes < LEAST || !Path::new(SHARED_MEMORY).is_dir() {
            return None;
        }
        sweep(Path::new(SHARED_MEMORY));
        let room = rustix::fs::statvfs(SHARED_MEMORY).ok()?;
        // The rest of the file system is for other programs.
        if room.f_bavail.saturating_mul(room.f_frsize) / 10 * 9 < bytes {
            return None;
        }
        Self::within(Path::new(SHARED_MEMORY))
    }

    fn within(parent: &Path) -> Option<Self> {
        let folder = Builder::new().prefix(PREFIX).tempdir_in(parent).ok()?;
        let lock = File::create(folder.path().join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        Some(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Whether a weight may be a file of this name.
pub(super) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.len() < 200 && !name.contains(['/', '\0'])
}

/// Removes the folders of processes that are gone. Those of other users are not readable, and stay.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let ours = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
    };
    for folder in entries.flatten().map(|entry| entry.path()).filter(ours) {
        let abandoned = File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            // Another process may be removing it too.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lives_with_its_owner_and_the_abandoned_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let shelf = Shelf::within(parent.path()).unwrap();
        let abandoned = parent.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        fs::write(abandoned.join("w"), "x").unwrap();
        let strange = parent.path().join("other");
        fs::create_dir(&strange).unwrap();
        sweep(parent.path());
        assert!(shelf.path().is_dir() && strange.is_dir());
        assert!(!abandoned.exists());
        let path = shelf.path().to_owned();
        drop(shelf);
        assert!(!path.exists());
    }

    #[test]
    fn there_is_no_folder_for_what_is_small_or_has_no_room() {
        assert!(Shelf::make(LEAST - 1).is_none());
        assert!(Shelf::make(u64::MAX).is_none());
    }

    #[test]
    fn names_that_would_leave_the_folder_are_no_file_names() {
        assert!(is_file_name("model.layers.0.mlp.up_proj.weight"));
        for name in ["", ".lock", "..", "a/b", "/a", "a\0"] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }
}
