//! Named inputs and outputs of a stage, each with an artifact kind.

use std::{borrow::Cow, fmt, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{artifact::ArtifactKind, hub::Model};

/// A reference to another node of the recipe: `node`, or `node.output` where the node has several outputs of the
/// wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The node's name.
    pub node: String,
    /// The output's name; absent when the node alone says enough.
    pub output: Option<String>,
}

impl Reference {
    /// Reads `node` or `node.output`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::to_owned);
        let reference = Self { node: parts.next()?, output: parts.next() };
        let named = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_@=,".contains(c))
        };
        let valid =
            named(&reference.node) && reference.output.as_deref().is_none_or(named) && parts.next().is_none();
        valid.then_some(reference)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.output {
            Some(output) => write!(f, "{}.{output}", self.node),
            None => f.write_str(&self.node),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("not a reference to a stage (`name` or `name.output`): `{text}`"))
        })
    }
}

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Another node of the recipe: `name`, or `name.output`.",
            "pattern": "^[A-Za-z0-9_@=,-]+(\\.[A-Za-z0-9_-]+)?$"
        })
    }
}

/// What a stage reads and writes. A pure function of its settings.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// Artifacts of other nodes.
    pub inputs: Vec<InputPort>,
    /// Artifacts it makes.
    pub outputs: Vec<OutputPort>,
    /// Files from outside the store. They enter the key by content.
    pub files: Vec<FilePort>,
}

/// An artifact that a stage reads.
#[derive(Clone, Debug)]
pub struct InputPort {
    /// The setting that names it: a field, or `field.name` inside a table of references. The stage asks for it by this
    /// name, and the key knows it by this name.
    pub field: String,
    /// The node it comes from.
    pub from: Reference,
    /// The kinds it may have; at least one.
    pub kinds: Vec<ArtifactKind>,
}

impl InputPort {
    /// Whether an artifact of this kind may come in.
    pub fn takes(&self, kind: ArtifactKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// What may come in, for people: `model or endpoint`.
    pub fn wanted(&self) -> String {
        self.kinds.iter().map(|kind| kind.name).collect::<Vec<_>>().join(" or ")
    }
}

/// An artifact that a stage makes.
#[derive(Clone, Debug)]
pub struct OutputPort {
    /// Its name in references and records.
    pub name: &'static str,
    /// What it is.
    pub kind: ArtifactKind,
}

/// A file from outside the store that a stage reads.
#[derive(Clone, Debug)]
pub struct FilePort {
    /// The setting that names it.
    pub field: String,
    /// Where it is; relative paths start at the recipe's folder. For a model from a hub, what stands in its place until it has
    /// been fetched.
    pub path: PathBuf,
    /// The model that it is, if it comes from a hub.
    pub hub: Option<Model>,
}

impl Ports {
    /// Adds an input.
    #[must_use]
    pub fn reads(self, field: impl Into<String>, from: &Reference, kind: ArtifactKind) -> Self {
        self.reads_either(field, from, &[kind])
    }

    /// Adds an input that may be of several kinds.
    #[must_use]
    pub fn reads_either(
        mut self,
        field: impl Into<String>,
        from: &Reference,
        kinds: &[ArtifactKind],
    ) -> Self {
        self.inputs.push(InputPort { field: field.into(), from: from.clone(), kinds: kinds.to_vec() });
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn writes(mut self, name: &'static str, kind: ArtifactKind) -> Self {
        self.outputs.push(OutputPort { name, kind });
        self
    }

    /// Adds a file from outside.
    #[must_use]
    pub fn opens(mut self, field: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.files.push(FilePort { field: field.into(), path: path.into(), hub: None });
        self
    }

    /// Adds the folder of a model from a hub.
    #[must_use]
    pub fn fetches(mut self, field: impl Into<String>, model: Model) -> Self {
        let path = format!("hf://{}@{}", model.repository.as_str(), model.revision.as_str()).into();
        self.files.push(FilePort { field: field.into(), path, hub: Some(model) });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_one_or_two_names() {
        assert_eq!(Reference::parse("vote").unwrap().to_string(), "vote");
        assert_eq!(Reference::parse("train.model").unwrap().output.unwrap(), "model");
        for wrong in ["", ".", "a.", ".b", "a.b.c", "a b", "../a"] {
            assert!(Reference::parse(wrong).is_none(), "{wrong}");
        }
    }
}
