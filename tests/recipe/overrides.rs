//! `--set path=value`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use chorale::{
    diagnostic::{Diagnostic, Paint, Source, render},
    plan::{self, Plan},
    recipe::{self, Sources},
};
use serde_json::{Value, json};

use crate::support::kinds::KINDS;

const RECIPE: &str = r#"
[recipe]
name = "overrides"

[params]
times = 2
word = "la"

[data.words]
kind = "lines"
lines = ["${params.word} ${params.word}", "$${params.word}"]

[stage.choir]
kind = "echo"
texts = "words"
times = "${params.times}"
"#;

fn plan(overrides: &[&str]) -> Result<Plan, Vec<Diagnostic>> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let sources = Sources::new(Source { path: "r.toml".into(), text: RECIPE.to_owned() }, &overrides);
    plan::build(&recipe::parse(&sources)?, KINDS)
}

fn settings(overrides: &[&str], node: &str) -> Value {
    let plan = plan(overrides).unwrap_or_else(|problems| panic!("{}", render(&problems, Paint::Plain)));
    plan.nodes()[plan.find(node).unwrap()].stage.settings()
}

fn rejected(overrides: &[&str]) -> String {
    render(&plan(overrides).unwrap_err(), Paint::Plain)
}

#[test]
fn a_parameter_keeps_its_type_alone_and_is_text_inside_a_string() {
    assert_eq!(settings(&[], "choir")["times"], json!(2));
    assert_eq!(settings(&[], "words")["lines"], json!(["la la", "${params.word}"]));
}

#[test]
fn a_parameter_can_be_replaced_from_the_command_line() {
    assert_eq!(settings(&["params.times=5"], "choir")["times"], json!(5));
    assert_eq!(settings(&["params.times=5", "params.times=6"], "choir")["times"], json!(6));
    assert_eq!(settings(&["params.word=do re"], "words")["lines"][0], json!("do re do re"));
    assert_eq!(settings(&["params.word=\"do\""], "words")["lines"][0], json!("do do"));
}

#[test]
fn settings_can_be_replaced_and_added() {
    assert_eq!(settings(&["stage.choir.case=upper"], "choir")["case"], json!("upper"));
    assert_eq!(settings(&["data.words.lines=[\"a\", \"b\"]"], "words")["lines"], json!(["a", "b"]));
    let framed = settings(&["stage.choir.frame.left=<", "stage.choir.frame.right=>"], "choir");
    assert_eq!(framed["frame"], json!({ "left": "<", "right": ">" }));
    assert_eq!(plan(&["recipe.name=other"]).unwrap().name, "other");
}

#[test]
fn an_override_can_use_a_parameter() {
    assert_eq!(settings(&["stage.choir.loudness=${params.times}"], "choir")["loudness"], json!(2.0));
}

#[test]
fn a_wrong_override_is_explained_at_its_own_text() {
    for (text, expected) in [
        ("stage.choir", "without `=`"),
        ("=1", "not a path"),
        ("stage..x=1", "not a path"),
        ("stge.choir.times=1", "did you mean `stage`?"),
        ("stage.chior.times=1", "did you mean `choir`?"),
        ("params.tims=1", "did you mean `times`?"),
        ("model.x.y=1", "no section `model`"),
        ("params=1", "whole section"),
        ("stage.choir=1", "whole node"),
        ("stage.choir.times.x=1", "`times` is not a table"),
        ("stage.choir.tmes=1", "did you mean `times`?"),
        ("stage.choir.times=many", "found the string \"many\""),
        ("stage.choir.times=-1", "expected a whole number from 0 on, found `-1`"),
        ("stage.choir.times=[1", "not a TOML value"),
        ("stage.choir.times=", "not a TOML value"),
        ("recipe.name=", "not a TOML value"),
    ] {
        let message = rejected(&[text]);
        assert!(message.contains(expected), "{text}\n{message}");
        assert!(message.contains(" --> --set:1:"), "{text}\n{message}");
    }
}

#[test]
fn a_parameter_of_the_wrong_type_is_shown_where_it_is_used_and_what_it_is() {
    let message = rejected(&["params.times=many"]);
    assert!(message.contains("times = \"${params.times}\""), "{message}");
    assert!(message.contains("`${params.times}` is the string \"many\""), "{message}");
}
