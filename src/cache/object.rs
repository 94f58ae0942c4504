//! Objects: files named by the digest of their content. A folder is a manifest object that names its files' objects.
//!
//! An object may also be a *reference*: a symbolic link to a file outside the store, for files that are too large to be
//! copied and that somebody else keeps anyway (the weights of a model from a hub). Its content is verified like that of
//! any object; if the file changed or is gone, the object is damaged, and the stage that made it runs again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{atomic, outside, stamp::Stamps};
use crate::{
    artifact::{Artifact, ArtifactKind, Form},
    digest::Digest,
    failure::{Cause, Failure, bug},
};

/// Manifests beyond this size are not read: no model folder comes near it.
const LARGEST_MANIFEST_BYTES: u64 = 64 << 20;

/// What a stage wrote to one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The artifact's kind.
    pub kind: String,
    /// How it lies on disk.
    pub form: Form,
    /// The digest of its bytes; for a folder, of its manifest.
    pub digest: Digest,
    /// Size of its files together.
    pub bytes: u64,
    /// Number of rows, for rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Number of files, for a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
}

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    files: BTreeMap<String, Entry>,
}

/// The bytes of the manifest object of a folder.
pub(super) fn manifest(files: &BTreeMap<String, Entry>) -> Vec<u8> {
    serde_json::to_vec(&Manifest { files: files.clone() }).unwrap_or_else(|error| bug(error))
}

/// The objects of a store.
#[derive(Debug)]
pub(super) struct Objects {
    /// `objects/` of the store, as the user named the store.
    folder: PathBuf,
    /// The same from the root of the file system: the name under which stamps know it.
    absolute: PathBuf,
}

impl Objects {
    pub(super) fn at(folder: PathBuf) -> Self {
        let absolute = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
        Self { folder, absolute }
    }

    /// Where the object with this digest lies.
    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(sharded(digest))
    }

    /// All objects' digests; files with other names are not objects.
    pub(super) fn list(&self) -> Result<Vec<Digest>, Failure> {
        let mut digests = Vec::new();
        for shard in atomic::entries(&self.folder)? {
            let Some(head) = shard.file_name().and_then(|name| name.to_str()) else { continue };
            for path in atomic::entries(&shard)? {
                let tail = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                digests.extend(format!("{head}{tail}").parse::<Digest>());
            }
        }
        Ok(digests)
    }

    /// Moves the output at `from` into the store.
    pub(super) fn put(&self, stamps: &Stamps, from: &Path, kind: ArtifactKind) -> Result<Output, Failure> {
        let output = |digest, bytes| Output {
            kind: kind.name.to_owned(),
            form: kind.form,
            digest,
            bytes,
            rows: None,
            files: None,
        };
        match kind.form {
            Form::Folder => {
                let mut files = BTreeMap::new();
                outside::collect(from, "", 12, &mut files)?;
                if files.is_empty() {
                    bug(format!("folder output `{}` is empty", from.display()));
                }
                let mut entries = BTreeMap::new();
                for (name, path) in files {
                    let (digest, bytes) = self.put_file(stamps, &path)?;
                    entries.insert(name, Entry { digest, bytes });
                }
                let bytes = entries.values().map(|entry| entry.bytes).sum();
                let text = manifest(&entries);
                let digest = Digest::of(&text);
                let beside = from.with_extension("manifest");
                atomic::write_through(from, &beside, &text)?;
                atomic::publish(&beside, &self.path(digest))?;
                Ok(Output { files: Some(entries.len() as u64), ..output(digest, bytes) })
            }
            Form::Rows => {
                let rows =
                    count_lines(from).map_err(|error| Failure::io(Cause::Store, "read", from, &error))?;
                let (digest, bytes) = self.put_file(stamps, from)?;
                Ok(Output { rows: Some(rows), ..output(digest, bytes) })
            }
            Form::Document => {
                let (digest, bytes) = self.put_file(stamps, from)?;
                Ok(output(digest, bytes))
            }
        }
    }

    fn put_file(&self, stamps: &Stamps, from: &Path) -> Result<(Digest, u64), Failure> {
        let failed = |error: io::Error| Failure::io(Cause::Store, "read", from, &error);
        if fs::symlink_metadata(from).map_err(failed)?.is_symlink() {
            return self.put_reference(stamps, from);
        }
        let digest = Digest::of_file(from).map_err(failed)?;
        let to = self.path(digest);
        atomic::publish(from, &to)?;
        let metadata = fs::metadata(&to).map_err(failed)?;
        stamps.remember(&self.absolute.join(sharded(digest)), &metadata, digest);
        Ok((digest, metadata.len()))
    }

    /// Keeps a link to a file outside the store as an object, unless its content is in the store already.
    fn put_reference(&self, stamps: &Stamps, from: &Path) -> Result<(Digest, u64), Failure> {
        let failed = |error: io::Error| Failure::io(Cause::Store, "refer to", from, &error);
        let target = fs::canonicalize(from).map_err(failed)?;
        let digest = outside::digest(stamps, &target)?;
        let metadata = fs::metadata(&target).map_err(failed)?;
        if self.verify(Some(stamps), digest).is_err() {
            // Whatever the stage's link said, the object must not depend on the current folder.
            fs::remove_file(from).and_then(|()| symlink(&target, from)).map_err(failed)?;
            atomic::publish(from, &self.path(digest))?;
            stamps.remember(&self.absolute.join(sharded(digest)), &metadata, digest);
        }
        Ok((digest, metadata.len()))
    }

    /// The artifact that a record calls `output`, with every byte of it verified.
    pub(super) fn open(
        &self,
        stamps: &Stamps,
        output: &Output,
        kind: ArtifactKind,
    ) -> Result<Artifact, Unusable> {
        let path = self.path(output.digest);
        let files = if output.form == Form::Folder {
            let entries = self.manifest(output.digest)?;
            let check = |entry: &Entry| self.verify(Some(stamps), entry.digest);
            if entries.len() > 1 {
                entries.par_iter().try_for_each(|(_, entry)| check(entry))?;
            } else {
                entries.values().try_for_each(check)?;
            }
            entries.into_iter().map(|(name, entry)| (name, self.path(entry.digest))).collect()
        } else {
            self.verify(Some(stamps), output.digest)?;
            BTreeMap::from([(Artifact::SINGLE.to_owned(), path)])
        };
        Ok(Artifact { kind, digest: output.digest, files })
    }

    /// The files of a folder object: its manifest verified, the files not.
    pub(super) fn manifest(&self, digest: Digest) -> Result<BTreeMap<String, Entry>, Unusable> {
        let path = self.path(digest);
        let damaged = |why: &str| Unusable { digest, what: format!("object {} {why}", digest.short()) };
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(&path)?.take(LARGEST_MANIFEST_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| damaged(&format!("cannot be read: {error}")))?;
        if Digest::of(&bytes) != digest {
            return Err(damaged("has other content than its name says"));
        }
        let parsed = serde_json::from_slice::<Manifest>(&bytes).map(|manifest| manifest.files);
        match parsed {
            Ok(files) if files.keys().all(|name| is_plain(name)) => Ok(files),
            _ => Err(damaged("is no manifest of a folder")),
        }
    }

    /// Checks an object's content against its name; with stamps, large objects that look untouched pass unread.
    pub(super) fn verify(&self, stamps: Option<&Stamps>, digest: Digest) -> Result<(), Unusable> {
        let path = self.path(digest);
        let place = match fs::read_link(&path) {
            Ok(target) => format!(", which is `{}`,", target.display()),
            Err(_) => String::new(),
        };
        let damaged =
            |why: &str| Unusable { digest, what: format!("object {}{place} {why}", digest.short()) };
        let unreadable = |error: &io::Error| match error.kind() {
            io::ErrorKind::NotFound => damaged("is missing"),
            _ => damaged(&format!("cannot be read: {error}")),
        };
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&error))?;
        let stamped = self.absolute.join(sharded(digest));
        if stamps.and_then(|stamps| stamps.recall(&stamped, &metadata)) == Some(digest) {
            return Ok(());
        }
        if Digest::of_file(&path).map_err(|error| unreadable(&error))? != digest {
            return Err(damaged("has other content than its name says"));
        }
        if let Some(stamps) = stamps {
            stamps.remember(&stamped, &metadata, digest);
        }
        Ok(())
    }

    /// Removes an object that is not what its name says.
    pub(super) fn discard(&self, digest: Digest) -> Result<(), Failure> {
        atomic::remove(&self.path(digest))
    }
}

/// An object that is missing or not what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) digest: Digest,
    pub(super) what: String,
}

fn sharded(digest: Digest) -> PathBuf {
    let hex = digest.hex();
    let (head, tail) = hex.split_at(2);
    Path::new(head).join(tail)
}

/// Whether a name from a manifest stays inside its folder.
fn is_plain(name: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    name.split('/').all(plain)
}

fn count_lines(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer.iter().take(read).filter(|byte| **byte == b'\n').count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ArtifactKind = crate::artifact::MODEL;

    /// A store that has taken in a folder with a copied file and a link to `dir/weights`.
    fn referring(dir: &Path) -> (Objects, Stamps, Output) {
        fs::write(dir.join("weights"), vec![7; 2 << 20]).unwrap();
        let staged = dir.join("staged");
        fs::create_dir(&staged).unwrap();
        fs::write(staged.join("config.json"), "{}").unwrap();
        symlink(dir.join("weights"), staged.join("model.safetensors")).unwrap();
        let objects = Objects::at(dir.join("objects"));
        let stamps = Stamps::at(dir.join("stamps.json"));
        let output = objects.put(&stamps, &staged, MODEL).unwrap();
        (objects, stamps, output)
    }

    #[test]
    fn a_link_becomes_a_reference_and_its_file_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (objects, stamps, output) = referring(dir.path());
        assert_eq!(output.bytes, (2 << 20) + 2);
        let artifact = objects.open(&stamps, &output, MODEL).unwrap();
        let object = &artifact.files["model.safetensors"];
        assert_eq!(fs::read_link(object).unwrap(), dir.path().join("weights").canonicalize().unwrap());
        assert!(!fs::metadata(dir.path().join("weights")).unwrap().permissions().readonly());
        assert!(fs::read_link(&artifact.files["config.json"]).is_err());
    }

    #[test]
    fn a_reference_whose_file_changed_or_is_gone_is_damaged_and_can_be_discarded() {
        let dir = tempfile::tempdir().unwrap();
        let (objects, stamps, output) = referring(dir.path());
        fs::write(dir.path().join("weights"), vec![8; 2 << 20]).unwrap();
        let unusable = objects.open(&stamps, &output, MODEL).unwrap_err();
        assert!(unusable.what.contains("weights`, has other content"), "{}", unusable.what);
        fs::remove_file(dir.path().join("weights")).unwrap();
        let unusable = objects.open(&stamps, &output, MODEL).unwrap_err();
        assert!(unusable.what.contains("weights`, is missing"), "{}", unusable.what);
        objects.discard(unusable.digest).unwrap();
        assert!(fs::symlink_metadata(objects.path(unusable.digest)).is_err());
    }

    #[test]
    fn names_that_lead_out_of_a_folder_are_refused() {
        for name in ["config.json", "onnx/model.onnx", "..a", "a.b"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a/"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
