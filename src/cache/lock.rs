//! A lock file per key: one process computes, others wait. The system releases a lock when its process ends, however
//! it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::atomic;
use crate::failure::{Cause, Failure};

/// A lock that is held. Dropping it removes its file and releases it.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock at `path` if nobody holds it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, Failure> {
        let failed = |error: &io::Error| Failure::io(Cause::Store, "lock", path, error);
        loop {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
            }
            let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
            let file = opened.map_err(|error| failed(&error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
            // The holder before us removes the file while it holds the lock, so what we locked may be a file that
            // nobody else can see any more.
            if is_at(&file, path).map_err(|error| failed(&error))? {
                return Ok(Some(Self { path: path.to_owned(), _file: file }));
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock file that stays behind does no harm.
        drop(atomic::remove(&self.path));
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok(there.ino() == ours.ino() && there.dev() == ours.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_holds_a_lock_and_its_file_vanishes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("locks/key.lock");
        let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = loop {
                            if let Some(lock) = Lock::try_take(&path).unwrap() {
                                break lock;
                            }
                            std::thread::yield_now();
                        };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        entered.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(entered.into_inner(), 400);
        assert!(!path.exists());
    }
}
