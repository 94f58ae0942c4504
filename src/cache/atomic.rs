//! Writes small files so that a reader or a kill sees the old file or the new one, never a half one.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::failure::{Cause, Failure};

/// Replaces the file at `path` by `bytes`: written to a temporary file beside it, synced, renamed. Creates the folder.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    write_through(folder, path, bytes)
}

/// The same with the temporary file in `folder`, which must be on the same file system.
pub(super) fn write_through(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_and_rename(folder, path, bytes).map_err(|error| Failure::io(Cause::Store, "write", path, &error))
}

fn write_and_rename(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    // Temporary files begin private; a store is as readable as the folder it lies in.
    file.as_file().set_permissions(PermissionsExt::from_mode(0o644))?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Syncs a finished file, makes it read-only and moves it to `to`, replacing what was there. A link is moved as it is.
pub(super) fn publish(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::io(Cause::Store, "write", to, &error);
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    if fs::symlink_metadata(from).map_err(failed)?.is_symlink() {
        return fs::rename(from, to).map_err(failed);
    }
    let file = File::open(from).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let mut permissions = file.metadata().map_err(failed)?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions).map_err(failed)?;
    fs::rename(from, to).map_err(failed)
}

/// Removes a folder or file with all it holds; it is fine if there is none.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::io(Cause::Store, "remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// A text as a file name: letters, digits, `-` and `_` stay, and whatever had to be changed is kept apart by a digest.
pub(super) fn file_name(text: &str) -> String {
    let plain: String =
        text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_@=,".contains(*c)).take(80).collect();
    if plain == text && !text.is_empty() {
        return plain;
    }
    format!("{plain}~{}", crate::digest::Digest::of(text.as_bytes()).short())
}

/// All entries of a folder in name order; none if there is no such folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: &io::Error| Failure::io(Cause::Store, "list", folder, error);
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(|error| failed(&error))?.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(entries(path.parent().unwrap()).unwrap(), [path]);
    }

    #[test]
    fn different_texts_have_different_file_names() {
        assert_eq!(file_name("quick-start_2"), "quick-start_2");
        let odd = ["a/b", "a b", "ab", "a.b", "", "..", "ä"];
        let names: std::collections::BTreeSet<String> = odd.iter().map(|text| file_name(text)).collect();
        assert_eq!(names.len(), odd.len());
        assert!(names.iter().all(|name| !name.contains(['/', '.', ' '])), "{names:?}");
    }
}
