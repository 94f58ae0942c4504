//! The cache folder of the Hugging Face tools.
//!
//! ```text
//! models--org--name/
//!   blobs/<etag>                  content; while it is fetched, <etag>.incomplete
//!   refs/<branch>                 the commit that a branch meant when it was last asked for
//!   snapshots/<commit>/<file>     links into blobs
//! .locks/models--org--name/<etag>.lock
//! ```

use std::{
    fs::{self, File},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::name::{Repository, Revision, is_commit};
use crate::failure::{Cause, Failure};

/// The cache at a folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `root`, which need not be there yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of a repository.
    pub fn folder(&self, repository: &Repository) -> PathBuf {
        self.root.join(repository.folder())
    }

    /// The folder of a commit.
    pub fn snapshot(&self, repository: &Repository, commit: &str) -> PathBuf {
        self.folder(repository).join("snapshots").join(commit)
    }

    /// A file of a commit, if it is there.
    pub(super) fn find(&self, repository: &Repository, commit: &str, name: &str) -> Option<PathBuf> {
        let path = self.snapshot(repository, commit).join(name);
        path.is_file().then_some(path)
    }

    /// The names of a commit's files, those of one level of folders included.
    pub(super) fn names(&self, repository: &Repository, commit: &str) -> Vec<String> {
        let snapshot = self.snapshot(repository, commit);
        let mut names = Vec::new();
        list(&snapshot, "", 1, &mut names);
        names.sort();
        names
    }

    /// The commit that a revision meant when it was last asked for.
    pub(super) fn commit(&self, repository: &Repository, revision: &Revision) -> Option<String> {
        if revision.is_commit() {
            return Some(revision.as_str().to_owned());
        }
        let path = self.folder(repository).join("refs").join(revision.as_str());
        let text = fs::read_to_string(path).ok()?;
        is_commit(text.trim()).then(|| text.trim().to_owned())
    }

    /// Remembers what a branch meant.
    pub(super) fn remember(
        &self,
        repository: &Repository,
        revision: &Revision,
        commit: &str,
    ) -> Result<(), Failure> {
        if revision.is_commit() {
            return Ok(());
        }
        let path = self.folder(repository).join("refs").join(revision.as_str());
        write(&path, commit.as_bytes())
    }

    /// Where content of this name lies or will lie.
    pub(super) fn blob(&self, repository: &Repository, etag: &str) -> PathBuf {
        self.folder(repository).join("blobs").join(etag)
    }

    /// Makes a commit's file a link to content that is there.
    pub(super) fn link(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
        etag: &str,
    ) -> Result<PathBuf, Failure> {
        let path = self.snapshot(repository, commit).join(name);
        let failed = |error: &io::Error| Failure::io(Cause::Input, "write", &path, error);
        let up = "../".repeat(2 + name.matches('/').count());
        make_parent(&path)?;
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(&path).map_err(|error| failed(&error))?;
        }
        match symlink(format!("{up}blobs/{etag}"), &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(&error)),
            _ => Ok(path),
        }
    }

    /// Waits until nobody else fetches this content; holds others off until it is dropped.
    pub(super) fn hold(&self, repository: &Repository, etag: &str) -> Result<File, Failure> {
        let path = self.root.join(".locks").join(repository.folder()).join(format!("{etag}.lock"));
        let failed = |error: &io::Error| Failure::io(Cause::Input, "lock", &path, error);
        make_parent(&path)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| failed(&error))?;
        file.lock().map_err(|error| failed(&error))?;
        Ok(file)
    }
}

fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().is_file() {
            names.push(format!("{prefix}{name}"));
        } else if depth > 0 {
            list(&entry.path(), &format!("{name}/"), depth - 1, names);
        }
    }
}

/// Creates the folder that a file is to lie in.
pub(super) fn make_parent(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|error| Failure::io(Cause::Input, "create", folder, &error))
}

/// Replaces a small file: a reader sees the old or the new one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    make_parent(path)?;
    let failed = |error: &io::Error| Failure::io(Cause::Input, "write", path, error);
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(permissions)
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    io::Write::write_all(&mut file, bytes).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}
