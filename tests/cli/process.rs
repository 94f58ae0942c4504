//! A run as a process: interrupted, killed, and beside another one.

use std::{process::Stdio, time::Duration};

use super::toy;
use crate::support::{
    skip::skipped,
    workspace::{Ran, Workspace},
};

/// Enough facts that a run takes a moment.
fn long_workspace() -> Workspace {
    let workspace = toy::workspace();
    let (questions, samples) = (workspace.read("questions.jsonl"), workspace.read("samples.jsonl"));
    let many = |rows: &str| -> String {
        (0..4000).map(|copy| rows.replace("capital:", &format!("capital{copy}:"))).collect()
    };
    workspace.write("questions.jsonl", &many(&questions));
    workspace.write("samples.jsonl", &many(&samples));
    workspace
}

#[test]
fn two_runs_at_once_compute_each_stage_once() {
    let workspace = long_workspace();
    let spawn = || {
        let mut command = workspace.command();
        command.args(["run", "toy.toml", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children = [spawn(), spawn()];
    let mut finished = 0;
    for child in children {
        let ran = Ran::of(child.wait_with_output().unwrap()).exits(0);
        let stages = ran.json()["stages"].as_array().unwrap().clone();
        finished += stages.iter().filter(|stage| stage["end"] == "finished").count();
    }
    assert_eq!(finished, 6, "each of six stages ran once in one of the two");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_exits_with_130_and_goes_on_next_time() {
    let workspace = long_workspace();
    let mut interrupted = false;
    // The moment is a race by nature: too early finds no handler, too late finds the run done.
    for wait in [150, 300, 80, 500, 40, 800] {
        let child = workspace
            .command()
            .args(["run", "toy.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let signal =
            std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let ran = Ran::of(child.wait_with_output().unwrap());
        if ran.code == 130 && signal.success() {
            assert!(ran.err.contains("stopping:") && ran.err.contains("stopped after"), "{}", ran.err);
            interrupted = true;
            break;
        }
        std::fs::remove_dir_all(workspace.path("cache")).unwrap_or_default();
    }
    if !interrupted {
        skipped("every signal came before or after the run");
    }
    workspace.run("run toy.toml").exits(0);
    workspace.run("cache verify").exits(0);
}
