//! A part of a plan.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::wiring::choir;

fn select(names: &[&str]) -> Vec<String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let plan = choir().select(&names).unwrap();
    plan.nodes().iter().map(|node| node.name.clone()).collect()
}

#[test]
fn a_selection_brings_along_what_it_needs() {
    assert_eq!(select(&["words"]), ["words"]);
    assert_eq!(select(&["low"]), ["words", "low"]);
    assert_eq!(select(&["low", "high"]), ["words", "high", "low"]);
    assert_eq!(select(&["tally"]).len(), 5);
    assert_eq!(select(&[]).len(), 0);
}

#[test]
fn edges_follow_their_nodes_into_a_selection() {
    let plan = choir().select(&["low".to_owned()]).unwrap();
    assert_eq!(plan.dependencies(1), [0]);
    assert_eq!(plan.nodes()[1].inputs[0].node, 0);
    assert_eq!(plan.dependants(0), [1]);
}

#[test]
fn every_unknown_name_is_reported() {
    let problems = choir().select(&["hihg".to_owned(), "zzz".to_owned()]).unwrap_err();
    assert_eq!(problems.len(), 2);
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `high`?"));
}
