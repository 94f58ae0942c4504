//! Order, edges and the texts of a plan.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fmt::Write, path::Path};

use chorale::{
    diagnostic::Source,
    plan::{self, Plan},
    recipe::{self, Sources},
};

use crate::support::{golden::assert_golden, kinds::KINDS};

pub(super) fn choir() -> Plan {
    plan::load(Path::new("tests/fixtures/recipes/good/choir.toml"), &[], KINDS).unwrap()
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.nodes().iter().map(|node| node.name.as_str()).collect()
}

#[test]
fn nodes_come_after_what_they_read_and_otherwise_as_in_the_text() {
    let plan = choir();
    assert_eq!(names(&plan), ["words", "high", "low", "both", "tally"]);
    assert_eq!(plan.dependencies(3), [1, 2]);
    assert_eq!(plan.dependants(0), [1, 2]);
    assert_eq!(plan.dependencies(0), [0_usize; 0]);
}

#[test]
fn inputs_name_the_output_even_where_the_recipe_does_not() {
    let plan = choir();
    let both = &plan.nodes()[3];
    let inputs: Vec<(&str, usize, &str, &str)> = both
        .inputs
        .iter()
        .map(|input| (input.field.as_str(), input.node, input.output, input.kind.name))
        .collect();
    assert_eq!(inputs, [("texts", 1, "texts", "texts"), ("more", 2, "left", "texts")]);
}

#[test]
fn files_are_found_from_the_folder_of_the_recipe() {
    let plan = choir();
    assert_eq!(plan.nodes()[0].files["path"], Path::new("tests/fixtures/recipes/good/words.txt"));
}

#[test]
fn settings_have_their_defaults_written_out_and_no_references() {
    let settings = choir().nodes()[1].stage.settings();
    let expected = serde_json::json!({ "times": 1, "loudness": 0.5, "case": "upper", "frame": null });
    assert_eq!(settings, expected);
}

#[test]
fn json_and_dot_are_as_recorded() {
    let plan = choir();
    assert_golden(Path::new("tests/fixtures/recipes/good/choir.json"), &format!("{:#}\n", plan.json()));
    assert_golden(Path::new("tests/fixtures/recipes/good/choir.dot"), &plan.dot());
}

#[test]
fn reading_twice_from_one_node_is_one_dependency() {
    let text = "[recipe]\nname='x'\n[data.w]\nkind='lines'\n[stage.a]\nkind='echo'\ntexts='w'\nmore='w'\n";
    let sources = Sources::new(Source { path: "r.toml".into(), text: text.to_owned() }, &[]);
    let plan = plan::build(&recipe::parse(&sources).unwrap(), KINDS).unwrap();
    assert_eq!(plan.dependencies(1), [0]);
    assert_eq!(plan.nodes()[1].inputs.len(), 2);
}

#[test]
fn a_thousand_stages_in_a_chain_are_planned() {
    let mut text = "[recipe]\nname='long'\n[data.s0]\nkind='lines'\n".to_owned();
    for number in (1..1000).rev() {
        write!(text, "[stage.s{number}]\nkind='echo'\ntexts='s{}'\n", number - 1).unwrap();
    }
    let sources = Sources::new(Source { path: "r.toml".into(), text }, &[]);
    let plan = plan::build(&recipe::parse(&sources).unwrap(), KINDS).unwrap();
    assert_eq!(plan.nodes().len(), 1000);
    assert!((0..1000).all(|index| plan.nodes()[index].name == format!("s{index}")));
}
