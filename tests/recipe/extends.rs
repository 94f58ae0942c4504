//! Recipes that are others with changes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use chorale::{
    diagnostic::Diagnostic,
    plan::{self, Plan},
    recipe::{self, Sources},
};
use serde_json::json;

use crate::support::kinds::KINDS;

const BASE: &str = "
[recipe]
name = 'base'
description = 'not inherited'

[params]
word = 'la'

[data.words]
kind = 'lines'
lines = ['${params.word}']

[stage.first]
kind = 'echo'
texts = 'words'
frame = { left = '<', right = '>' }

[stage.second]
kind = 'slow'
milliseconds = 1
texts = 'first'
";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn load(folder: &Path, name: &str, set: &[&str]) -> Result<Plan, Vec<Diagnostic>> {
    let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
    plan::load(&folder.join(name), &set, KINDS)
}

fn settings(plan: &Plan, node: &str) -> serde_json::Value {
    plan.nodes()[plan.find(node).unwrap()].stage.settings()
}

#[test]
fn tables_are_merged_and_all_else_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", BASE);
    let child = "
[recipe]
name = 'child'
extends = 'base.toml'
[params]
word = 'lu'
[stage.first.frame]
right = ')'
[stage.third]
kind = 'echo'
texts = 'second'
";
    write(folder.path(), "child.toml", child);
    let plan = load(folder.path(), "child.toml", &[]).unwrap();
    assert_eq!((plan.name.as_str(), plan.description.as_str()), ("child", ""));
    let names: Vec<&str> = plan.nodes().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["words", "first", "second", "third"]);
    assert_eq!(settings(&plan, "words")["lines"], json!(["lu"]));
    assert_eq!(settings(&plan, "first")["frame"], json!({ "left": "<", "right": ")" }));
    assert_eq!(plan.warnings, []);

    let plan = load(folder.path(), "child.toml", &["stage.first.frame.left=(", "params.word=lo"]).unwrap();
    assert_eq!(settings(&plan, "words")["lines"], json!(["lo"]));
    assert_eq!(settings(&plan, "first")["frame"], json!({ "left": "(", "right": ")" }));
}

#[test]
fn a_node_of_another_kind_replaces_the_inherited_one() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", BASE);
    let child = "
recipe = { name = 'child', extends = 'base.toml' }
[stage.first]
kind = 'slow'
milliseconds = 1
texts = 'words'
";
    write(folder.path(), "child.toml", child);
    let plan = load(folder.path(), "child.toml", &[]).unwrap();
    // Settings of `echo`, such as `frame`, would be unknown to `slow`.
    assert_eq!(plan.nodes()[plan.find("first").unwrap()].stage.entry().name, "slow");
}

#[test]
fn what_is_dropped_is_gone_with_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", BASE);
    let child = "
[recipe]
name = 'child'
extends = 'base.toml'
drop = ['stage.second', 'stage.first.frame.right', 'data.words.lines']
[data.words]
lines = ['other']
";
    write(folder.path(), "child.toml", child);
    let plan = load(folder.path(), "child.toml", &[]).unwrap();
    let names: Vec<&str> = plan.nodes().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["words", "first"]);
    assert_eq!(settings(&plan, "first")["frame"], json!({ "left": "<", "right": "" }));
    assert_eq!(plan.warnings, [], "an inherited parameter may be left without use");
}

#[test]
fn paths_start_at_the_folder_of_the_file_they_are_written_in() {
    let folder = tempfile::tempdir().unwrap();
    let base = "recipe.name = 'base'\n[data.old]\nkind = 'lines'\npath = 'old.txt'\n";
    write(folder.path(), "one/base.toml", base);
    let child = "recipe = { name = 'child', extends = '../one/base.toml' }\n[data.new]\nkind = 'lines'\npath = 'new.txt'\n";
    write(folder.path(), "two/child.toml", child);
    let path = |plan: &Plan, node: &str| {
        let (_, path) = plan.nodes()[plan.find(node).unwrap()].files.first_key_value().unwrap();
        path.strip_prefix(folder.path()).unwrap().to_owned()
    };
    let plan = load(folder.path(), "two/child.toml", &[]).unwrap();
    assert_eq!(path(&plan, "old"), Path::new("two/../one/old.txt"));
    assert_eq!(path(&plan, "new"), Path::new("two/new.txt"));
    let plan = load(folder.path(), "two/child.toml", &["data.old.path=mine.txt"]).unwrap();
    assert_eq!(path(&plan, "old"), Path::new("two/mine.txt"));
}

#[test]
fn grandchildren_inherit_and_records_keep_every_text() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", BASE);
    write(
        folder.path(),
        "child.toml",
        "recipe = { name = 'child', extends = 'base.toml' }\nparams.word = 'a'\n",
    );
    write(
        folder.path(),
        "grand.toml",
        "recipe = { name = 'grand', extends = 'child.toml' }\nparams.word = 'b'\n",
    );
    let plan = load(folder.path(), "grand.toml", &[]).unwrap();
    assert_eq!(settings(&plan, "words")["lines"], json!(["b"]));
    let text = Sources::read(&folder.path().join("grand.toml"), &[]).unwrap().text_of_files();
    let at = |part: &str| text.find(part).unwrap();
    assert!(
        at("name = 'base'") < at("name = 'child'") && at("name = 'child'") < at("name = 'grand'"),
        "{text}"
    );
}

#[test]
fn mistakes_point_into_the_file_they_are_in() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", &BASE.replace("kind = 'slow'", "kind = 'slwo'"));
    write(
        folder.path(),
        "child.toml",
        "recipe = { name = 'child', extends = 'base.toml' }\nstage.first.frmae = 1\n",
    );
    let problems = load(folder.path(), "child.toml", &[]).unwrap_err();
    let place = |problem: &Diagnostic| {
        let place = problem.place.clone().unwrap();
        (place.source.path.file_name().unwrap().to_str().unwrap().to_owned(), place.start().0)
    };
    let places: Vec<_> = problems.iter().map(place).collect();
    assert_eq!(places, [("base.toml".to_owned(), 19), ("child.toml".to_owned(), 2)], "{problems:?}");
}

#[test]
fn a_text_without_a_file_cannot_extend() {
    let source = chorale::diagnostic::Source {
        path: "r.toml".into(),
        text: "recipe = { name = 'x', extends = 'base.toml' }\n".to_owned(),
    };
    let sources = Sources::new(source, &[]);
    let problems = recipe::parse(&sources).unwrap().problems;
    assert!(problems.iter().any(|problem| problem.message.contains("was not read")), "{problems:?}");
}
