//! The digest of a file or folder that lies outside the store.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{object, stamp::Stamps};
use crate::{
    digest::Digest,
    failure::{Cause, Failure},
};

/// Folders deeper than this are refused; a link that leads back to its own folder would never end.
const DEEPEST: usize = 12;

/// The digest of a file's content, or of the manifest of a folder (links followed; hidden entries left out).
pub(super) fn digest(stamps: &Stamps, path: &Path) -> Result<Digest, Failure> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return file(stamps, path);
    }
    let mut files = BTreeMap::new();
    collect(path, "", DEEPEST, &mut files)?;
    if files.is_empty() {
        return Err(Failure::input(format!("folder `{}` is empty", path.display())));
    }
    let mut entries = BTreeMap::new();
    for (name, path) in files {
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        entries.insert(name, object::Entry { digest: file(stamps, &path)?, bytes: metadata.len() });
    }
    Ok(Digest::of(&object::manifest(&entries)))
}

fn file(stamps: &Stamps, path: &Path) -> Result<Digest, Failure> {
    let failed = |error: io::Error| unreadable(path, &error);
    let whole = fs::canonicalize(path).map_err(failed)?;
    let metadata = fs::metadata(&whole).map_err(failed)?;
    if let Some(digest) = stamps.recall(&whole, &metadata) {
        return Ok(digest);
    }
    let digest = Digest::of_file(&whole).map_err(failed)?;
    stamps.remember(&whole, &metadata, digest);
    Ok(digest)
}

/// Lists the files below `folder` by their relative names.
pub(super) fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Failure> {
    if depth == 0 {
        return Err(Failure::input(format!("folder `{}` is nested too deeply", folder.display())));
    }
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::input(format!("file name is not UTF-8: `{}`", path.display())));
        };
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        if fs::metadata(&path).map_err(|error| unreadable(&path, &error))?.is_dir() {
            collect(&path, &format!("{name}/"), depth - 1, files)?;
        } else {
            files.insert(name, path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::io(Cause::Input, "read", path, error)
}
