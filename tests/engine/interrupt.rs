//! The user asks to stop: what runs stops where it can, what has not begun does not begin, and the next run goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use chorale::{
    cache::StaleReason,
    engine::{
        event::{Event, Status},
        outcome::StageEnd,
    },
};

use super::world::{World, run};

const CHAIN: &str = r#"
[data.before]
kind = "lines"
lines = ["a"]
[stage.long]
kind = "trace"
text = "long"
chunks = 20
milliseconds = 20
log = "LOG"
after = ["before"]
[stage.behind]
kind = "echo"
texts = "long"
"#;

#[test]
fn a_run_stops_when_asked_and_the_next_one_goes_on() {
    let world = World::new(CHAIN);
    let cancelled = AtomicBool::new(false);
    let mut stop = |event: &Event| {
        if matches!(event, Event::StageProgress { done, .. } if *done >= 3) {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    let stopped = run(world.dir.path(), &mut stop, &cancelled);
    assert_eq!(stopped.outcome.status, Status::Cancelled);
    assert_eq!(stopped.ended(StageEnd::Cancelled), ["long", "behind"]);
    assert_eq!(stopped.end("before"), StageEnd::Finished);
    let done = world.traces().len() - 1;
    assert!((3..20).contains(&done), "{done} chunks");

    let ran = world.run();
    ran.assert_succeeded();
    assert_eq!(ran.ended(StageEnd::Cached), ["before"]);
    assert_eq!(ran.reasons("long"), [StaleReason::Resumed]);
    // "begins", the other chunks, "ends".
    assert_eq!(world.traces().len(), 2 + 20 - done);
    assert_eq!(
        world.files("cache/journal"),
        Vec::<String>::new(),
        "the journal is gone once its work is recorded"
    );
}

#[test]
fn a_run_that_is_cancelled_before_it_begins_does_nothing() {
    let world = World::new(CHAIN);
    let ran = run(world.dir.path(), &mut |_| (), &AtomicBool::new(true));
    assert_eq!(ran.outcome.status, Status::Cancelled);
    assert_eq!(ran.ended(StageEnd::Cancelled).len(), 3);
    assert!(world.traces().is_empty());
}
