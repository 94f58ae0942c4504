//! The quickstart, at small settings, killed again and again: what it ends with is what an undisturbed run ends with.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests; the clock decides when to kill")]

use std::{path::Path, process::Stdio, time::Duration};

use chorale::random::Draws;

use crate::support::workspace::{Ran, Workspace};

/// How many runs are killed.
const KILLS: usize = 20;

/// The shipped quickstart with one relation, one pass and no dictionary, so that a run takes seconds.
fn arguments(cache: &str) -> Vec<String> {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/quickstart.toml");
    let mut arguments =
        vec!["run".into(), recipe.display().to_string(), "--json".into(), "--device".into(), "cpu".into()];
    arguments.extend(["--cache".into(), cache.to_owned()]);
    for set in [
        "data.facts.relations=[\"capital\"]",
        "data.facts.dictionary=0",
        "data.facts.languages=[\"en\", \"fr\", \"sw\"]",
        "data.facts.coverage={}",
        "stage.vote.languages=[\"sw\", \"fr\", \"en\"]",
        "stage.base.epochs=8",
        "stage.dpo.epochs=1",
    ] {
        arguments.extend(["--set".into(), set.into()]);
    }
    arguments
}

/// The binary, with the runtime library that all tests share.
fn command(workspace: &Workspace, cache: &str) -> std::process::Command {
    let mut command = workspace.command();
    command.args(arguments(cache)).env("CHORALE_RUNTIME", crate::runtime::runtime().library());
    command
}

/// Runs to the end and returns the digests of all outputs of all stages.
fn finish(workspace: &Workspace, cache: &str) -> Vec<String> {
    let ran = Ran::of(command(workspace, cache).output().unwrap()).exits(0);
    let stages = ran.json()["stages"].as_array().unwrap().clone();
    assert!(stages.len() >= 14, "the quickstart lost stages");
    stages.iter().map(|stage| format!("{} {} {}", stage["name"], stage["key"], stage["outputs"])).collect()
}

#[test]
fn the_quickstart_killed_at_twenty_random_moments_ends_with_the_digests_of_an_undisturbed_run() {
    let workspace = Workspace::new();
    let began = std::time::Instant::now();
    let undisturbed = finish(&workspace, "calm");
    let whole = began.elapsed();
    let mut draws = Draws::new(20, "kill", 0);
    let (mut killed, mut cache, mut finished) = (0, 0, Vec::new());
    while killed < KILLS {
        let name = format!("stormy-{cache}");
        let mut child =
            command(&workspace, &name).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * 0.5 * draws.uniform()));
        if child.try_wait().unwrap().is_some() {
            // It was done before it could be killed: the next kills need a store with work left to do.
            finished.push(finish(&workspace, &name));
            cache += 1;
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    finished.push(finish(&workspace, &format!("stormy-{cache}")));
    for digests in finished {
        assert_eq!(digests, undisturbed);
    }
}
