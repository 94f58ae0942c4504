//! The lock file beside a recipe: which files, by size and SHA-256, every model from a hub consists of.
//!
//! `run` writes and extends it; from then on the same recipe takes the same files anywhere, or fails. It is meant to be kept with
//! the recipe. To take a newer commit of a branch, remove the model's table and run again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    cache,
    name::{Model, Repository, Revision, is_commit, is_sha256, is_shard, is_wanted},
};
use crate::failure::{Cause, Failure, bug};

/// The only version of the format.
const VERSION: u32 = 1;

const HEADER: &str = "# The exact files of every model that the recipe takes from a hub. Written by `chorale run`; keep it with the recipe.\n\n";

/// All locked models of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    #[serde(default)]
    model: Vec<LockedModel>,
}

/// One model, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedModel {
    /// The repository.
    pub hf: Repository,
    /// The revision as the recipe names it.
    pub revision: Revision,
    /// The commit that it is.
    pub commit: String,
    /// Its files, by name.
    pub file: Vec<LockedFile>,
}

/// One file, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// Its name in the repository.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

/// Where the lock file of a recipe lies: `experiment.toml` has `experiment.lock`.
pub fn path_of(recipe: &Path) -> PathBuf {
    recipe.with_extension("lock")
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: VERSION, model: Vec::new() }
    }
}

impl Lock {
    /// Reads a lock file; an empty one if there is none.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| Failure::io(Cause::Recipe, "read", path, &error))?,
        };
        let broken = |what: &str| {
            Failure::new(Cause::Recipe, format!("`{}` is no lock file: {what}", path.display()))
                .hint("take it from where the recipe came from, or remove it to lock what the hub has today")
        };
        let lock: Self = toml::from_str(&text).map_err(|error| broken(error.message()))?;
        if lock.version != VERSION {
            return Err(broken(&format!("it has version {}, this chorale knows {VERSION}", lock.version)));
        }
        match lock.model.iter().find_map(LockedModel::problem) {
            Some(problem) => Err(broken(&problem)),
            None => Ok(lock),
        }
    }

    /// What is locked of a model.
    pub fn find(&self, model: &Model) -> Option<&LockedModel> {
        self.model.iter().find(|locked| locked.is(model))
    }

    /// Adds a model, or replaces it.
    pub fn insert(&mut self, locked: LockedModel) {
        self.model.retain(|other| (&other.hf, &other.revision) != (&locked.hf, &locked.revision));
        self.model.push(locked);
        self.model.sort_by(|a, b| (&a.hf, &a.revision).cmp(&(&b.hf, &b.revision)));
    }

    /// The text of the file: the same for the same models, always.
    pub fn text(&self) -> String {
        let text = toml::to_string(self).unwrap_or_else(|error| bug(error));
        format!("{HEADER}{text}")
    }

    /// Writes the file, unless it says the same already.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = self.text();
        if fs::read_to_string(path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        cache::write(path, text.as_bytes())
    }
}

impl LockedModel {
    fn is(&self, model: &Model) -> bool {
        self.hf == model.repository && self.revision == model.revision
    }

    /// What cannot be true of a lock file that chorale wrote.
    fn problem(&self) -> Option<String> {
        let model = self.hf.as_str();
        if !is_commit(&self.commit) || (self.revision.is_commit() && self.revision.as_str() != self.commit) {
            return Some(format!("`{model}` has a commit that is none: `{}`", self.commit));
        }
        let wrong =
            |file: &&LockedFile| !(is_wanted(&file.name) || is_shard(&file.name)) || !is_sha256(&file.sha256);
        self.file.iter().find(wrong).map(|file| format!("file `{}` of `{model}` cannot be", file.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(revision: &str, files: &[&str]) -> LockedModel {
        let file = |name: &&str| LockedFile { name: (*name).to_owned(), bytes: 3, sha256: "ab".repeat(32) };
        LockedModel {
            hf: Repository::parse("org/name").unwrap(),
            revision: Revision::parse(revision).unwrap(),
            commit: "c0".repeat(20),
            file: files.iter().map(file).collect(),
        }
    }

    #[test]
    fn the_same_models_give_the_same_bytes_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        assert_eq!(Lock::read(&path).unwrap(), Lock::default());
        let (a, b) = (locked("main", &["config.json", "model.safetensors"]), locked("v2", &["config.json"]));
        let mut one = Lock::default();
        for model in [&a, &b, &a] {
            one.insert(model.clone());
        }
        let mut two = Lock::default();
        for model in [&b, &a] {
            two.insert(model.clone());
        }
        assert_eq!(one.text(), two.text());
        one.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), two);
        assert!(
            one.text().starts_with(HEADER) && one.text().contains("[[model.file]]\nname = \"config.json\"\n")
        );
    }

    #[test]
    fn a_lock_file_is_not_believed_blindly() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let mut lock = Lock::default();
        lock.insert(locked("main", &["config.json"]));
        let good = lock.text();
        let cases = [
            ("config.json", "../../config.json"),
            ("c0c0", "zzzz"),
            ("abab", "xyxy"),
            ("version = 1", "version = 2"),
            ("org/name", "../name"),
            ("[[model]]", "[[modell]]"),
        ];
        for (from, to) in cases {
            let text = good.replace(from, to);
            assert_ne!(text, good);
            fs::write(&path, text).unwrap();
            let failure = Lock::read(&path).unwrap_err();
            assert!(failure.message.contains("is no lock file"), "{failure}");
        }
    }
}
