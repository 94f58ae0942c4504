//! What a key is made of. One walk visits all ingredients; one sink hashes them, the other keeps them for people, so
//! an explanation cannot drift from its key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    FORMAT,
    key::{Key, KeyHasher},
};
use crate::digest::Digest;

/// Everything that can influence the bytes a stage writes.
#[derive(Clone, Debug)]
pub struct Ingredients {
    /// The name of the stage's kind.
    pub kind: String,
    /// The kind's version.
    pub version: u32,
    /// Name and artifact kind of each output.
    pub outputs: Vec<(String, String)>,
    /// The settings without those that name inputs or files (see [`Ingredients::own_settings`]).
    pub settings: Value,
    /// The inputs in the order in which the kind declares them: if that order can vary, it can matter.
    pub inputs: Vec<InputIngredient>,
    /// The digests of files from outside by the field that names them.
    pub files: BTreeMap<String, Digest>,
    /// Runtime library, version and device, for kinds that use them.
    pub runtime: Option<String>,
}

/// An input as a key sees it.
#[derive(Clone, Debug)]
pub struct InputIngredient {
    /// The port's field.
    pub field: String,
    /// The artifact's kind.
    pub kind: String,
    /// The digest of its content.
    pub digest: Digest,
}

/// What went into a key, by dotted path: `settings.beta`, `inputs.pairs`, `files.path`, `kind`, `version`, ...
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Explanation(pub BTreeMap<String, Value>);

impl Ingredients {
    /// The settings that are a stage's own: without the top-level fields that `ports` (`field` or `field.name`) name,
    /// because those enter by content.
    pub fn own_settings<'a>(mut settings: Value, ports: impl Iterator<Item = &'a str>) -> Value {
        if let Value::Object(fields) = &mut settings {
            for port in ports {
                fields.remove(port.split('.').next().unwrap_or(port));
            }
        }
        settings
    }

    /// The key.
    pub fn key(&self) -> Key {
        let mut sink = KeyHasher::new();
        self.walk(&mut sink);
        sink.finish()
    }

    /// The same for people.
    pub fn explanation(&self) -> Explanation {
        let mut sink = Explanation::default();
        self.walk(&mut sink);
        sink
    }

    fn walk(&self, sink: &mut impl Sink) {
        sink.leaf(&["format"], &json!(FORMAT));
        sink.leaf(&["kind"], &json!(self.kind));
        sink.leaf(&["version"], &json!(self.version));
        sink.leaf(&["outputs"], &json!(self.outputs));
        walk_settings(&mut vec!["settings"], &self.settings, sink);
        let fields: Vec<&str> = self.inputs.iter().map(|input| input.field.as_str()).collect();
        sink.leaf(&["inputs"], &json!(fields));
        for input in &self.inputs {
            sink.leaf(&["inputs", &input.field], &json!(format!("{} {}", input.kind, input.digest)));
        }
        for (field, digest) in &self.files {
            sink.leaf(&["files", field], &json!(digest));
        }
        if let Some(runtime) = &self.runtime {
            sink.leaf(&["runtime"], &json!(runtime));
        }
    }
}

/// Visits settings field by field. Lists are taken whole: a changed list reads best as old list and new list.
fn walk_settings<'a>(path: &mut Vec<&'a str>, value: &'a Value, sink: &mut impl Sink) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            for (name, field) in fields {
                path.push(name);
                walk_settings(path, field, sink);
                path.pop();
            }
        }
        leaf => sink.leaf(path, leaf),
    }
}

/// Takes in ingredients one after another.
trait Sink {
    fn leaf(&mut self, path: &[&str], value: &Value);
}

impl Sink for KeyHasher {
    fn leaf(&mut self, path: &[&str], value: &Value) {
        self.count(path.len());
        for segment in path {
            self.text(segment);
        }
        self.value(value);
    }
}

impl Sink for Explanation {
    fn leaf(&mut self, path: &[&str], value: &Value) {
        let segments: Vec<String> = path.iter().map(|segment| quoted(segment)).collect();
        // Names of inputs have dots of their own (`metrics.base`) and are unique as they stand.
        let path = if path.first() == Some(&"settings") { segments.join(".") } else { path.join(".") };
        self.0.insert(path, value.clone());
    }
}

/// A path segment, quoted where its own dots would read as levels.
fn quoted(segment: &str) -> String {
    if segment.contains(['.', '"']) { format!("{segment:?}") } else { segment.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn base() -> Ingredients {
        Ingredients {
            kind: "train".into(),
            version: 1,
            outputs: vec![("model".into(), "model".into())],
            settings: json!({"beta": 0.1, "lora": {"rank": 8}, "langs": ["en", "sw"]}),
            inputs: vec![
                InputIngredient { field: "pairs".into(), kind: "pairs".into(), digest: Digest::of(b"p") },
                InputIngredient { field: "model".into(), kind: "model".into(), digest: Digest::of(b"m") },
            ],
            files: BTreeMap::from([("path".to_owned(), Digest::of(b"f"))]),
            runtime: Some("onnxruntime 1.31.1 cpu".into()),
        }
    }

    #[test]
    fn every_ingredient_changes_the_key_and_the_explanation() {
        let changes: Vec<fn(&mut Ingredients)> = vec![
            |_| (),
            |i| i.kind = "trainer".into(),
            |i| i.version = 2,
            |i| i.outputs.push(("steps".into(), "training-steps".into())),
            |i| i.settings["beta"] = json!(0.2),
            |i| i.settings["lora"]["rank"] = json!(16),
            |i| i.settings["langs"] = json!(["sw", "en"]),
            |i| i.settings["extra"] = json!({}),
            |i| i.inputs[0].digest = Digest::of(b"q"),
            |i| i.inputs[0].kind = "votes".into(),
            |i| i.inputs[0].field = "pear".into(),
            |i| i.inputs.reverse(),
            |i| i.inputs.truncate(1),
            |i| i.files = BTreeMap::from([("path".to_owned(), Digest::of(b"g"))]),
            |i| i.files.clear(),
            |i| i.runtime = None,
            |i| i.runtime = Some("onnxruntime 1.31.1 cuda".into()),
        ];
        let mut keys = BTreeSet::new();
        let mut explanations = BTreeSet::new();
        for change in &changes {
            let mut ingredients = base();
            change(&mut ingredients);
            keys.insert(ingredients.key());
            explanations.insert(serde_json::to_string(&ingredients.explanation()).unwrap());
        }
        assert_eq!(keys.len(), changes.len());
        assert_eq!(explanations.len(), changes.len());
    }

    #[test]
    fn names_with_dots_are_not_taken_for_levels() {
        let mut dotted = base();
        dotted.settings = json!({"a.b": 1});
        let mut nested = base();
        nested.settings = json!({"a": {"b": 1}});
        assert_ne!(dotted.key(), nested.key());
        assert_ne!(dotted.explanation(), nested.explanation());
    }

    #[test]
    fn settings_that_name_ports_are_left_out() {
        let settings = json!({"pairs": "p.pairs", "metrics": {"base": "e"}, "beta": 1});
        let own = Ingredients::own_settings(settings, ["pairs", "metrics.base"].into_iter());
        assert_eq!(own, json!({"beta": 1}));
    }
}
