//! Every recipe in `fixtures/recipes/bad` against the explanation beside it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use chorale::{
    diagnostic::{Diagnostic, Paint, Severity, Source, render},
    plan,
    recipe::{self, Sources},
    stage,
};
use proptest::prelude::*;

use crate::support::{golden::assert_golden, kinds::KINDS};

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/fixtures/recipes").join(folder);
    let mut found: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| folder.join(entry.unwrap().file_name())).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    found.sort();
    found
}

/// The overrides that a fixture names in lines `# --set path=value`.
fn overrides(path: &Path) -> Vec<String> {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    text.lines().filter_map(|line| line.strip_prefix("# --set ")).map(str::to_owned).collect()
}

fn explain(text: &str) -> Vec<Diagnostic> {
    let sources = Sources::new(Source { path: "r.toml".into(), text: text.to_owned() }, &[]);
    match recipe::parse(&sources) {
        Ok(recipe) => plan::build(&recipe, KINDS).err().unwrap_or_default(),
        Err(problems) => problems,
    }
}

#[test]
fn every_bad_recipe_is_explained_as_recorded() {
    let paths = fixtures("bad");
    for path in &paths {
        let problems = plan::load(path, &overrides(path), KINDS).unwrap_err();
        assert!(problems.iter().any(|problem| problem.severity == Severity::Error), "{}", path.display());
        assert_golden(&path.with_extension("stderr"), &render(&problems, Paint::Plain));
    }
    assert!(paths.len() >= 20, "only {} bad recipes", paths.len());
}

#[test]
fn every_kind_explains_what_is_wrong_with_its_settings() {
    let mut kinds = 0;
    for entry in stage::kinds::KINDS {
        let path = Path::new("tests/fixtures/recipes/kinds").join(format!("{}.toml", entry.name));
        let problems = plan::load(&path, &[], stage::kinds::KINDS).unwrap_err();
        assert!(problems.len() >= 2, "{}: only {} problems", path.display(), problems.len());
        assert_golden(&path.with_extension("stderr"), &render(&problems, Paint::Plain));
        kinds += 1;
    }
    assert!(kinds >= 10, "only {kinds} kinds");
}

#[test]
fn every_good_recipe_is_planned_without_a_warning() {
    let paths = fixtures("good");
    for path in &paths {
        let plan = plan::load(path, &overrides(path), KINDS)
            .unwrap_or_else(|problems| panic!("{}", render(&problems, Paint::Plain)));
        assert_eq!(plan.warnings, [], "{}", path.display());
        assert_golden(&path.with_extension("plan"), &plan.text());
    }
    assert!(paths.len() >= 2, "only {} good recipes", paths.len());
}

#[test]
fn a_missing_file_is_a_diagnostic_that_names_it() {
    let problems = plan::load(Path::new("no/such/recipe.toml"), &[], KINDS).unwrap_err();
    assert!(problems[0].message.contains("no/such/recipe.toml"), "{}", problems[0].message);
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let deep = format!("x = {}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(!explain(&deep).is_empty());
    let tables = format!("[{}]\n", vec!["a"; 20_000].join("."));
    assert!(!explain(&tables).is_empty());
}

/// Text that looks enough like a recipe to get deep into the reader.
fn almost_a_recipe() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\"",
        "'",
        "\n",
        " ",
        "#",
        "recipe",
        "name",
        "params",
        "data",
        "model",
        "stage",
        "a",
        "b",
        "kind",
        "echo",
        "lines",
        "texts",
        "times",
        "frame",
        "left",
        "\"echo\"",
        "\"a\"",
        "\"a.texts\"",
        "\"${params.a}\"",
        "$${",
        "${",
        "1",
        "-1",
        "nan",
        "1e999",
        "true",
        "1979-05-27",
        "0xff",
        "é",
        "\u{0}",
        "[recipe]\nname = \"x\"\n",
        "[stage.a]\n",
        "[stage.b]\nkind = \"echo\"\n",
        "\n[data.c]\nkind = \"lines\"\n",
        "99999999999999999999999999",
        "\u{feff}",
        "\r\n",
        "\"\"\"",
        "\\u",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![almost_a_recipe(), any::<String>()]) {
        let problems = explain(&text);
        prop_assert!(render(&problems, Paint::Coloured).len() >= problems.len());
        prop_assert!(serde_json::to_string(&problems).is_ok());
    }

    #[test]
    fn no_override_makes_it_panic(text in "\\PC*|[a-z.]{0,12}=[\\PC]{0,12}|(params|stage|recipe)\\.[a-z.]{0,6}=\\PC{0,8}") {
        let recipe = "[recipe]\nname = \"x\"\n[params]\na = 1\n[stage.a]\nkind = \"fail\"\nmessage = \"${params.a}\"\n";
        let source = Source { path: "r.toml".into(), text: recipe.to_owned() };
        let sources = Sources::new(source, &[text]);
        let recipe = recipe::parse(&sources).unwrap();
        let problems = plan::build(&recipe, KINDS).err().unwrap_or_default();
        prop_assert!(render(&problems, Paint::Plain).len() >= problems.len());
    }
}
