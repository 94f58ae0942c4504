//! The help texts, kept as files: `UPDATE=1 cargo test cli::help` rewrites them.

use std::path::Path;

use crate::support::{golden::assert_golden, workspace::Workspace};

/// Every verb with what follows it.
const VERBS: &[&str] = &[
    "",
    "check",
    "plan",
    "run",
    "explain",
    "report",
    "why",
    "schema",
    "graph",
    "graph export",
    "graph check",
    "graph contract",
    "runtime",
    "runtime status",
    "runtime install",
    "cache",
    "cache ls",
    "cache verify",
    "completions",
];

#[test]
fn every_verb_has_the_help_that_is_on_file() {
    let workspace = Workspace::new();
    let folder = Path::new("tests/fixtures/help");
    for verb in VERBS {
        let ran = workspace.run(&format!("{verb} --help")).exits(0);
        assert!(ran.out.contains("Examples:"), "`{verb}` has no examples");
        let name = if verb.is_empty() { "chorale".to_owned() } else { verb.replace(' ', "-") };
        assert_golden(&folder.join(format!("{name}.txt")), &ran.out);
    }
    let on_file = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap().count();
    assert_eq!(on_file, VERBS.len(), "a help text on file that no verb has");
}

#[test]
fn the_help_lists_every_verb_and_every_exit_code() {
    let workspace = Workspace::new();
    let help = workspace.run("--help").exits(0).out;
    for verb in VERBS.iter().filter(|verb| !verb.is_empty() && !verb.contains(' ')) {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}");
    }
    for row in chorale::cli::exit::TABLE {
        assert!(help.contains(&format!("{:>5}  {}", row.code, row.meaning)), "{}", row.code);
    }
}

#[test]
fn completions_know_every_verb() {
    let workspace = Workspace::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = workspace.run(&format!("completions {shell}")).exits(0).out;
        for verb in VERBS.iter().filter(|verb| !verb.is_empty() && !verb.contains(' ')) {
            assert!(script.contains(verb), "{shell} does not complete `{verb}`");
        }
    }
}

#[test]
fn schema_prints_json_for_editors() {
    let printed = Workspace::new().run("schema").exits(0).json();
    assert_eq!(printed["title"], "chorale recipe");
    for row in chorale::stage::kinds::KINDS {
        assert!(printed["definitions"].get(row.name).is_some(), "kind `{}` is not in the schema", row.name);
    }
}
