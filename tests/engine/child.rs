//! Runs in a process of their own, which can be killed. The test binary starts itself and names the one test below,
//! which then plays the child.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; the child is told through its environment what to do"
)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
};

use chorale::engine::event::Status;

use super::world::{World, run};

/// The environment variable that holds the folder to run in.
const FOLDER: &str = "CHORALE_TEST_CHILD";
/// Beside it: a text that the first failure must contain. Absent: the run must succeed.
const EXPECTED: &str = "CHORALE_TEST_FAILURE";

/// The command that runs `recipe.toml` of `folder` in a process of its own. It succeeds if the run does, or if the first
/// failure has `failure` in its message or hint.
pub(crate) fn command(folder: &Path, failure: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "engine::child::a_process_runs_a_recipe_for_another_one", "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(failure) = failure {
        command.env(EXPECTED, failure);
    }
    command
}

/// Starts [`command`] for a run that should succeed.
pub(crate) fn start(folder: &Path) -> Child {
    command(folder, None).spawn().unwrap()
}

/// Waits for a child and asserts that its run succeeded.
pub(crate) fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "the child ran no test: {text}");
}

#[test]
fn a_process_runs_a_recipe_for_another_one() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let ran = run(Path::new(&folder), &mut |_| (), &AtomicBool::new(false));
        match std::env::var(EXPECTED) {
            Err(_) => ran.assert_succeeded(),
            Ok(text) => {
                assert_eq!(ran.outcome.status, Status::Failed);
                let failed = ran.outcome.stages.iter().find_map(|stage| stage.failure.as_ref()).unwrap();
                let said = format!("{failed} {}", failed.hint.clone().unwrap_or_default());
                assert!(said.contains(&text), "{said}");
            }
        }
        return;
    }
    let world = World::new("[data.a]\nkind = \"lines\"\nlines = [\"a\"]\n");
    finish(start(world.dir.path()));
    assert_eq!(world.run().digests().len(), 1);
    assert_eq!(world.files("cache/keys/lines").len(), 1);
}
