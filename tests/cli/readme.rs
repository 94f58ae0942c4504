//! The tables in the README that are made from code: `UPDATE=1 cargo test cli::readme` rewrites them.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use chorale::{cli::exit, stage::kinds::KINDS};

use crate::support::{golden::assert_golden, workspace::Workspace};

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// The README with the text between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
fn with_section(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}\n{content}{end}{after}")
}

fn kinds() -> String {
    let rows = KINDS
        .iter()
        .map(|kind| format!("| `{}` | `[{}.NAME]` | {} |\n", kind.name, kind.section.name(), kind.about));
    std::iter::once("| kind | stands in | what it does |\n|---|---|---|\n".to_owned()).chain(rows).collect()
}

fn exit_codes() -> String {
    let rows = exit::TABLE.iter().map(|row| format!("| {} | {} |\n", row.code, row.meaning));
    std::iter::once("| code | meaning |\n|---|---|\n".to_owned()).chain(rows).collect()
}

#[test]
fn the_tables_of_the_readme_are_current() {
    assert!(KINDS.len() >= 12);
    let text = std::fs::read_to_string(path()).unwrap();
    let current = with_section(&with_section(&text, "kinds", &kinds()), "exit codes", &exit_codes());
    assert_golden(Path::new("README.md"), &current);
}

#[test]
fn the_recipe_in_the_readme_is_a_recipe() {
    let text = std::fs::read_to_string(path()).unwrap();
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (recipe, _) = rest.split_once("```").unwrap();
    let workspace = Workspace::new();
    workspace.write("readme.toml", recipe);
    workspace.run("check readme.toml").exits(0);
}

#[test]
fn every_command_of_the_readme_exists() {
    let text = std::fs::read_to_string(path()).unwrap();
    let workspace = Workspace::new();
    let mut seen = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("| `chorale ")) {
        let verb = line.split([' ', '`']).next().unwrap();
        workspace.run(&format!("{verb} --help")).exits(0);
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}
