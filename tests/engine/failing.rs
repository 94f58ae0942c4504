//! A stage that fails, panics or forgets its outputs ends itself and what depends on it, and nothing else.

use chorale::{
    engine::{
        event::{Event, Status},
        outcome::StageEnd,
    },
    failure::Cause,
};

use super::world::World;

const TWO_BRANCHES: &str = r#"
[stage.bad]
kind = "KIND"
[stage.behind]
kind = "echo"
texts = "bad"
[stage.further]
kind = "count"
texts = "behind"
[data.good]
kind = "lines"
lines = ["a"]
[stage.fine]
kind = "count"
texts = "good"
"#;

fn broken(kind: &str, settings: &str) -> World {
    World::new(&TWO_BRANCHES.replace("\"KIND\"", &format!("\"{kind}\"\n{settings}")))
}

#[test]
fn a_failure_blocks_what_depends_on_it_and_the_rest_finishes() {
    let world = broken("fail", "message = \"no such file\"");
    let ran = world.run();
    assert_eq!(ran.outcome.status, Status::Failed);
    assert_eq!(ran.ended(StageEnd::Failed), ["bad"]);
    assert_eq!(ran.ended(StageEnd::Blocked), ["behind", "further"]);
    assert_eq!(ran.ended(StageEnd::Finished), ["good", "fine"]);
    assert_eq!(ran.failure("bad").message, "no such file");
    assert!(
        ran.events.iter().any(|timed| {
            timed.event == Event::StageBlocked { stage: "further".into(), by: "bad".into() }
        })
    );

    let again = world.run();
    assert_eq!(again.ended(StageEnd::Cached), ["good", "fine"]);
    assert_eq!(again.end("bad"), StageEnd::Failed, "a failure is never remembered as done");
}

#[test]
fn a_panic_is_caught_and_called_a_bug() {
    let ran = broken("explode", "").run();
    assert_eq!(ran.ended(StageEnd::Failed), ["bad"]);
    assert_eq!(ran.failure("bad").cause, Cause::Bug);
    assert!(ran.failure("bad").message.contains("index out of bounds"), "{:?}", ran.failure("bad"));
    assert_eq!(ran.ended(StageEnd::Finished), ["good", "fine"]);
}

#[test]
fn an_output_that_was_not_written_is_a_bug() {
    let ran = broken("forgetful", "").run();
    assert_eq!(ran.failure("bad").cause, Cause::Bug);
    assert_eq!(ran.failure("bad").message, "kind `forgetful` did not write its output `texts`");
    assert_eq!(ran.ended(StageEnd::Finished), ["good", "fine"]);
}

#[test]
fn a_runtime_that_cannot_be_had_fails_only_what_needs_it() {
    let ran = broken("peek", "").run();
    assert_eq!(ran.failure("bad").cause, Cause::Runtime);
    assert_eq!(ran.ended(StageEnd::Finished), ["good", "fine"]);
}

#[test]
fn a_missing_file_from_outside_is_named() {
    let world = World::new("[data.rows]\nkind = \"lines\"\npath = \"missing.txt\"\n");
    let ran = world.run();
    let failure = ran.failure("rows");
    assert_eq!(failure.cause, Cause::Input);
    assert!(failure.message.contains("missing.txt"), "{failure:?}");
}
