//! Why a stage has to run: a value with old and new, from which sentences are made.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ingredients::Explanation;

/// A reason why a stage is not simply reused. Digests stand as their full hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum StaleReason {
    /// No earlier run of this recipe finished a stage of this name.
    New,
    /// It was finished before, but the store no longer knows it.
    Forgotten,
    /// It was finished before, but what the store holds of it is damaged.
    Damaged {
        /// What is wrong with it.
        what: String,
    },
    /// An earlier run of the very same work was interrupted and is continued.
    Resumed,
    /// It is of another kind than before.
    Kind {
        /// The kind before.
        old: String,
        /// The kind now.
        new: String,
    },
    /// Its kind has a new version: the same settings mean something else.
    Version {
        /// The version before.
        old: Value,
        /// The version now.
        new: Value,
    },
    /// Its kind writes other outputs than before.
    Outputs,
    /// A setting has another value.
    Setting {
        /// Its dotted path below the stage.
        name: String,
        /// The value before; absent when there was no such setting.
        old: Option<Value>,
        /// The value now; absent when there is no such setting any more.
        new: Option<Value>,
    },
    /// An input has another content.
    Input {
        /// The setting that names the input.
        field: String,
        /// Kind and digest before (`pairs 3fa9...`); absent when there was no such input.
        old: Option<String>,
        /// Kind and digest now; absent when there is no such input any more.
        new: Option<String>,
    },
    /// The inputs are the same, in another order.
    InputOrder,
    /// A file from outside has another content.
    File {
        /// The setting that names the file.
        field: String,
        /// The digest before; absent when there was no such file.
        old: Option<String>,
        /// The digest now; absent when there is no such file any more.
        new: Option<String>,
    },
    /// Runtime library or device are others.
    Runtime {
        /// The runtime before.
        old: Option<String>,
        /// The runtime now.
        new: Option<String>,
    },
    /// The store has another format.
    Format,
}

/// All differences between two explanations, in the order of their paths. Empty only if they are equal.
pub(super) fn differences(old: &Explanation, new: &Explanation) -> Vec<StaleReason> {
    let (before, now) = (old.0.get("kind"), new.0.get("kind"));
    if before != now {
        return vec![StaleReason::Kind { old: plain(before), new: plain(now) }];
    }
    let paths: BTreeSet<&String> = old.0.keys().chain(new.0.keys()).collect();
    let changed = paths.into_iter().filter(|path| old.0.get(*path) != new.0.get(*path));
    let mut reasons: Vec<StaleReason> = Vec::new();
    for path in changed {
        reasons.push(reason(path, old.0.get(path), new.0.get(path)));
    }
    if reasons.iter().any(|reason| matches!(reason, StaleReason::Input { .. })) {
        reasons.retain(|reason| *reason != StaleReason::InputOrder);
    }
    reasons
}

fn reason(path: &str, old: Option<&Value>, new: Option<&Value>) -> StaleReason {
    let text = |value: Option<&Value>| value.map(|value| plain(Some(value)));
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    match (head, rest) {
        ("version", _) => StaleReason::Version {
            old: old.cloned().unwrap_or_default(),
            new: new.cloned().unwrap_or_default(),
        },
        ("outputs", _) => StaleReason::Outputs,
        ("inputs", "") => StaleReason::InputOrder,
        ("inputs", field) => StaleReason::Input { field: field.to_owned(), old: text(old), new: text(new) },
        ("files", field) => StaleReason::File { field: field.to_owned(), old: text(old), new: text(new) },
        ("runtime", _) => StaleReason::Runtime { old: text(old), new: text(new) },
        ("settings", name) => {
            StaleReason::Setting { name: name.to_owned(), old: old.cloned(), new: new.cloned() }
        }
        _ => StaleReason::Format,
    }
}

/// A value as a person would write it: texts without quotes.
fn plain(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Forgotten => f.write_str("no longer in the store"),
            Self::Damaged { what } => write!(f, "damaged: {what}"),
            Self::Resumed => f.write_str("continues where it was interrupted"),
            Self::Kind { old, new } => write!(f, "kind: {old} -> {new}"),
            Self::Version { old, new } => write!(f, "version of the kind: {old} -> {new}"),
            Self::Outputs => f.write_str("the kind writes other outputs"),
            Self::Setting { name, old, new } => {
                write!(f, "{name}: {} -> {}", shown(old.as_ref()), shown(new.as_ref()))
            }
            Self::Input { field, old, new } => change(f, "input", field, old.as_ref(), new.as_ref()),
            Self::InputOrder => f.write_str("order of the inputs"),
            Self::File { field, old, new } => change(f, "file", field, old.as_ref(), new.as_ref()),
            Self::Runtime { old, new } => {
                let shown = |runtime: &Option<String>| runtime.clone().unwrap_or_else(|| "none".to_owned());
                write!(f, "runtime: {} -> {}", shown(old), shown(new))
            }
            Self::Format => f.write_str("format of the store"),
        }
    }
}

fn change(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    field: &str,
    old: Option<&String>,
    new: Option<&String>,
) -> fmt::Result {
    let done = match (old, new) {
        (None, _) => "is new",
        (_, None) => "is gone",
        _ => "changed",
    };
    write!(f, "{what} `{field}` {done}")
}

/// A setting for a line of text: long values are cut.
fn shown(value: Option<&Value>) -> String {
    const WIDEST: usize = 48;
    let Some(value) = value else { return "(not set)".to_owned() };
    let text = plain(Some(value));
    if text.chars().count() <= WIDEST {
        return text;
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explanation(value: Value) -> Explanation {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_difference_is_named_with_old_and_new() {
        let old = explanation(json!({
            "kind": "train", "version": 1, "settings.beta": 0.1, "settings.gone": [1], "inputs": ["pairs"],
            "inputs.pairs": "aa", "files.path": "bb", "runtime": "1.31.1 cpu", "format": 1, "outputs": [],
        }));
        let new = explanation(json!({
            "kind": "train", "version": 2, "settings.beta": 0.2, "inputs": ["pairs", "model"], "inputs.pairs": "cc",
            "inputs.model": "dd", "files.path": "ee", "runtime": "1.31.1 cuda", "format": 2, "outputs": [["a", "b"]],
        }));
        let text: Vec<String> = differences(&old, &new).iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "file `path` changed",
                "format of the store",
                "input `model` is new",
                "input `pairs` changed",
                "the kind writes other outputs",
                "runtime: 1.31.1 cpu -> 1.31.1 cuda",
                "beta: 0.1 -> 0.2",
                "gone: [1] -> (not set)",
                "version of the kind: 1 -> 2",
            ]
        );
    }

    #[test]
    fn another_kind_is_the_only_reason_worth_telling() {
        let old = explanation(json!({"kind": "vote", "settings.a": 1}));
        let new = explanation(json!({"kind": "pairs", "settings.b": 1}));
        assert_eq!(differences(&old, &new), [StaleReason::Kind { old: "vote".into(), new: "pairs".into() }]);
        assert_eq!(differences(&old, &old), []);
    }

    #[test]
    fn the_same_inputs_in_another_order_are_told_apart() {
        let old = explanation(json!({"kind": "report", "inputs": ["a", "b"]}));
        let new = explanation(json!({"kind": "report", "inputs": ["b", "a"]}));
        assert_eq!(differences(&old, &new), [StaleReason::InputOrder]);
    }

    #[test]
    fn long_settings_are_cut_by_characters() {
        let reason =
            StaleReason::Setting { name: "prompt".into(), old: None, new: Some(json!("聖".repeat(100))) };
        assert_eq!(reason.to_string().chars().filter(|c| *c == '聖').count(), 47);
    }
}
