//! Divides questions into two parts: by a list of ids, by Python's `random.sample` (methods 3.3), or by a share.

use std::{collections::BTreeSet, path::Path};

use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    failure::{Cause, Failure},
    random::{Draws, python::PythonRandom},
    stage::contract::Problem,
};

/// How questions are divided: by `sample` or `share`, or only named where `train_ids` lists the first part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitSpec {
    /// Number of questions in the first part, drawn as `random.sample(range(N), sample)` of Python after
    /// `random.seed(seed)`, where N is the number of questions in the first language: the split of direct consistency
    /// optimisation (methods 3.3).
    #[serde(default)]
    pub sample: Option<usize>,
    /// The share of the questions in the first part, 0 to 1. Each question is drawn by itself: what else is in the data
    /// does not matter.
    #[serde(default)]
    pub share: Option<f64>,
    /// What `sample` and `share` draw from.
    #[serde(default)]
    pub seed: u64,
    /// Names of the first part and of the rest.
    #[serde(default = "names")]
    pub names: [String; 2],
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self { sample: None, share: None, seed: 0, names: names() }
    }
}

fn names() -> [String; 2] {
    ["train".to_owned(), "test".to_owned()]
}

impl SplitSpec {
    /// What is wrong with it; `listed` says whether a file lists the first part.
    pub(super) fn check(&self, listed: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        let given = [listed, self.sample.is_some(), self.share.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let hint =
                "split = {sample = 5000, seed = 0}, or split = {share = 0.8}, or train_ids = \"ids.txt\"";
            problems.push(Problem::new(
                "split",
                "one of `sample`, `share` and `train_ids` must be given",
                hint,
            ));
        }
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            problems.push(Problem::new("split.share", "a share is a number from 0 to 1", "share = 0.8"));
        }
        if self.names[0] == self.names[1] {
            let hint = "names = [\"train\", \"test\"]";
            problems.push(Problem::new("split.names", "both parts have the same name", hint));
        }
        problems
    }

    /// The ids of the first part. `known` are the ids of the first language in their order, dropped ones included;
    /// `all` those of every language.
    pub(super) fn first_part(
        &self,
        known: &IndexSet<String>,
        all: &IndexSet<String>,
        list: Option<&Path>,
    ) -> Result<BTreeSet<String>, Failure> {
        if let Some(path) = list {
            return listed(path, all);
        }
        if let Some(share) = self.share {
            let drawn = all.iter().filter(|id| Draws::new(self.seed, id, 0).uniform() < share);
            return Ok(drawn.cloned().collect());
        }
        let count = self.sample.unwrap_or_default();
        if count > known.len() {
            return Err(Failure::input(format!(
                "{count} questions cannot be drawn from the {} of the first language",
                known.len()
            ))
            .hint("lower `split.sample`"));
        }
        let drawn = PythonRandom::seed(self.seed).sample(known.len(), count);
        Ok(drawn.into_iter().filter_map(|position| known.get_index(position)).cloned().collect())
    }
}

fn listed(path: &Path, known: &IndexSet<String>) -> Result<BTreeSet<String>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
    let ids: BTreeSet<String> = if text.trim_start().starts_with('[') {
        let items: Vec<Value> = serde_json::from_str(&text)
            .map_err(|error| Failure::input(format!("not a JSON list: {error}")).at(path.display()))?;
        items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
    } else {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    match ids.iter().find(|id| !known.contains(*id)) {
        None => Ok(ids),
        Some(id) => Err(Failure::input(format!("no question has the id `{id}`"))
            .at(path.display())
            .hint("rows without an `id` are numbered from 1")),
    }
}
