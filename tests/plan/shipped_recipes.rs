//! Every file in `recipes/` plans, and names its schema.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path, path::PathBuf};

use chorale::{
    diagnostic::{Paint, render},
    plan,
    stage::kinds::KINDS,
};

/// The paths of all recipes, sorted.
pub(super) fn shipped() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new("recipes"), &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_shipped_recipe_plans_and_names_its_schema() {
    let paths = shipped();
    for path in &paths {
        let plan = plan::load(path, &[], KINDS).unwrap_or_else(|problems| {
            panic!("{}", render(&problems, Paint::Plain));
        });
        assert_eq!(plan.warnings, [], "{}", path.display());
        let text = fs::read_to_string(path).unwrap();
        let schema = text.lines().next().unwrap().strip_prefix("#:schema ");
        let schema = schema.unwrap_or_else(|| panic!("{} does not begin with `#:schema`", path.display()));
        let schema = path.parent().unwrap().join(schema).canonicalize().unwrap();
        assert_eq!(schema, Path::new("schemas/recipe.json").canonicalize().unwrap(), "{}", path.display());
    }
    assert!(!paths.is_empty(), "no recipes");
}
