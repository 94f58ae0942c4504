//! The recipes on the quickstart's world, at small settings and in one store: they run, and share what they have in common.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, path::Path};

use crate::support::workspace::{Ran, Workspace};

/// One relation, three languages, one pass: seconds instead of minutes.
const SMALL: [&str; 5] = [
    "data.facts.relations=[\"capital\"]",
    "data.facts.dictionary=0",
    "data.facts.languages=[\"en\", \"fr\", \"sw\"]",
    "data.facts.coverage={}",
    "stage.base.epochs=8",
];

/// Runs a shipped recipe and returns the outcome as JSON.
fn run(workspace: &Workspace, recipe: &str, set: &[&str]) -> serde_json::Value {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(recipe);
    let mut command = workspace.command();
    command.arg("run").arg(recipe).args(["--json", "--device", "cpu", "--cache", "cache"]);
    for set in SMALL.iter().chain(set) {
        command.args(["--set", set]);
    }
    command.env("CHORALE_RUNTIME", crate::runtime::runtime().library());
    Ran::of(command.output().unwrap()).exits(0).json()
}

/// The stages that did not come from the store.
fn computed(outcome: &serde_json::Value) -> BTreeSet<String> {
    let stages = outcome["stages"].as_array().unwrap();
    let names = stages.iter().filter(|stage| stage["end"] != "cached").map(|stage| &stage["name"]);
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

const VOTERS: &str = "stage.vote.languages=[\"sw\", \"fr\", \"en\"]";

#[test]
fn methods_side_by_side_share_samples_and_references_and_a_sweep_recomputes_none() {
    let workspace = Workspace::new();
    let set = [VOTERS, "stage.shared-pairs.passes=2"];
    let first = run(&workspace, "compare.toml", &set);
    let all = first["stages"].as_array().unwrap().len();
    assert_eq!(computed(&first).len(), all);
    let labels = first["headline"][0]["labels"].as_array().unwrap();
    assert_eq!(labels, &["base", "sft", "dpo", "dpo+dco", "calm", "dco"]);

    // The quickstart is CALM on the same world: only what it calls by other names, or has alone, is new.
    let quickstart = run(&workspace, "quickstart.toml", &[VOTERS]);
    assert_eq!(computed(&quickstart), names(&["report"]), "dpo is compare's calm, by content");

    let sweep = run(&workspace, "compare.toml", &[&set[..], &["stage.calm.beta=0.2"]].concat());
    assert_eq!(computed(&sweep), names(&["calm", "rank-calm", "after-calm", "report"]));
    let sweep = run(&workspace, "compare.toml", &[&set[..], &["stage.dco.beta=0.5"]].concat());
    assert_eq!(computed(&sweep), names(&["dco", "rank-dco", "after-dco", "report"]));
}

#[test]
fn cm_align_mlc_and_direction_control_run_on_the_same_base_model() {
    let workspace = Workspace::new();
    let base = ["facts", "tokenizer", "start", "base", "rank-before"];
    run(&workspace, "tiny/direction-control.toml", &["stage.shared-pairs.passes=2"]);
    for (recipe, set) in [
        ("tiny/cm-align.toml", &["stage.dpo.epochs=1"][..]),
        ("tiny/mlc.toml", &["stage.mlc.mlc.languages=[\"en\", \"fr\", \"sw\"]"][..]),
    ] {
        let outcome = run(&workspace, recipe, set);
        let computed = computed(&outcome);
        assert!(base.iter().all(|name| !computed.contains(*name)), "{recipe}: {computed:?}");
        assert!(Path::new(outcome["report"].as_str().unwrap()).is_absolute() || !outcome["report"].is_null());
    }
}
