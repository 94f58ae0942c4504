//! Names on a hub: repositories and revisions. They become parts of addresses and of paths, so they are checked strictly.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A repository: `org/name`, or `name` for a few old ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Repository(String);

/// A commit (40 hexadecimal digits), a branch, or a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(String);

/// A model at a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// The repository.
    pub repository: Repository,
    /// The revision.
    pub revision: Revision,
}

/// The longest name of either.
const LONGEST: usize = 96;

impl Repository {
    /// Checks a name by the hub's own rules.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            let edge = |byte: Option<&u8>| byte.is_some_and(|byte| !b"-.".contains(byte));
            let bytes = part.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
        };
        let parts = text.split('/').count();
        let fine = parts <= 2 && text.len() <= LONGEST && text.split('/').all(part);
        (fine && !text.contains("--") && !text.contains("..")).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its folder in the cache: `models--org--name`.
    pub fn folder(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }
}

impl Revision {
    /// Checks a name: of a commit, a branch or a tag.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
                && !part.is_empty()
                && !part.starts_with('.')
        };
        let fine = text.len() <= LONGEST && text.split('/').all(part) && !text.contains("..");
        fine.then(|| Self(text.to_owned()))
    }

    /// The branch that a repository has if nothing else is said.
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a commit, which never changes.
    pub fn is_commit(&self) -> bool {
        is_commit(&self.0)
    }
}

/// Whether a text is the name of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text is a SHA-256 in hexadecimal digits.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at `{}`", self.repository.0, self.revision.0)
    }
}

impl TryFrom<String> for Repository {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("not the name of a repository such as \"org/name\": `{text}`"))
    }
}

impl TryFrom<String> for Revision {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("not a commit, branch or tag: `{text}`"))
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.0
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.0
    }
}

/// The files that chorale takes from a model, beside its weights.
const FILES: [&str; 12] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "LICENSE",
    INDEX,
];
/// The weights, when they are in one file.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// Which file holds which tensor, when there are several.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Whether chorale takes a file of this name from a model. Weights in several files are named by the index instead.
pub(super) fn is_wanted(name: &str) -> bool {
    let template = || name.strip_prefix("additional_chat_templates/")?.strip_suffix(".jinja");
    FILES.contains(&name) || name == WEIGHTS || template().is_some_and(is_plain)
}

/// Whether a name is that of a weight file directly in the model's folder.
pub(super) fn is_shard(name: &str) -> bool {
    name.strip_suffix(".safetensors").is_some_and(is_plain)
}

/// Letters, digits and `._-`, not beginning with a dot: cannot lead out of a folder.
fn is_plain(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST && !name.starts_with('.') && name.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for fine in ["org/name", "gpt2", "Qwen/Qwen2.5-0.5B", "a_b/c.d"] {
            assert!(Repository::parse(fine).is_some(), "{fine}");
        }
        let wrong = [
            "", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a--b/c", "a b", ".a/b", "a/-b", "a/b?", "a/b#c",
            "ä/b",
        ];
        for wrong in wrong {
            assert!(Repository::parse(wrong).is_none(), "{wrong}");
        }
        for fine in ["main", "refs/pr/1", "v1.0", &"a1".repeat(20)] {
            assert!(Revision::parse(fine).is_some(), "{fine}");
        }
        for wrong in ["", "/", "../main", "a/../b", "a//b", ".git", "a b", "main?x", "a/.b"] {
            assert!(Revision::parse(wrong).is_none(), "{wrong}");
        }
        for wanted in ["config.json", "model.safetensors", "additional_chat_templates/rag.jinja"] {
            assert!(is_wanted(wanted), "{wanted}");
        }
        let wrong = [
            "pytorch_model.bin",
            "../config.json",
            "additional_chat_templates/../x.jinja",
            "sub/config.json",
        ];
        for wrong in wrong {
            assert!(!is_wanted(wrong), "{wrong}");
        }
        assert!(is_shard("model-00001-of-00002.safetensors"));
        for wrong in [
            "../x.safetensors",
            "/x.safetensors",
            ".safetensors",
            "a/b.safetensors",
            ".x.safetensors",
            "x.bin",
        ] {
            assert!(!is_shard(wrong), "{wrong}");
        }
    }
}
