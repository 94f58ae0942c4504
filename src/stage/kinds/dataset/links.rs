//! Brings rows under one id that a file says are versions of one question.

use std::{collections::BTreeMap, path::Path};

use super::convert::Placed;
use crate::{
    artifact::row::question::Question,
    failure::{Cause, Failure},
};

/// Gives every question the smallest id it is linked to, however indirectly. `path` is a JSONL file of
/// `{id: [other ids]}`. Returns the number of groups with more than one member among `questions`.
pub(super) fn apply(path: &Path, questions: &mut [Placed<Question>]) -> Result<usize, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let links: BTreeMap<String, Vec<String>> = serde_json::from_str(line).map_err(|error| {
            Failure::input(format!("not an object of ids with lists of ids: {error}")).at(format!(
                "{}:{}",
                path.display(),
                index + 1
            ))
        })?;
        for (id, others) in links {
            for other in others {
                let (a, b) = (root(&parents, &id), root(&parents, &other));
                if a != b {
                    parents.insert(a.clone().max(b.clone()), a.min(b));
                }
            }
        }
    }
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for placed in questions {
        placed.row.id = root(&parents, &placed.row.id);
        *sizes.entry(placed.row.id.clone()).or_default() += 1;
    }
    Ok(sizes.values().filter(|size| **size > 1).count())
}

fn root(parents: &BTreeMap<String, String>, id: &str) -> String {
    let mut id = id;
    while let Some(parent) = parents.get(id) {
        id = parent;
    }
    id.to_owned()
}
