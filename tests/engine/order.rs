//! Stages run in the order of their inputs, in parallel where they can, and only if they have to.

use chorale::{
    cache::StaleReason,
    engine::{
        event::{Event, Status},
        outcome::StageEnd,
    },
};

use super::world::World;

const DIAMOND: &str = r#"
[data.top]
kind = "lines"
lines = ["a", "b"]
[stage.left]
kind = "echo"
texts = "top"
[stage.right]
kind = "echo"
texts = "top"
case = "upper"
[stage.bottom]
kind = "echo"
texts = "left"
more = "right"
[stage.count]
kind = "count"
texts = "bottom"
"#;

#[test]
fn a_plan_runs_to_its_end_and_the_second_time_nothing_runs() {
    let world = World::new(DIAMOND);
    let first = world.run();
    first.assert_succeeded();
    assert_eq!(first.ended(StageEnd::Finished), ["top", "left", "right", "bottom", "count"]);
    assert!(first.outcome.stages.iter().all(|stage| stage.reasons == [StaleReason::New]));
    let count = &first.outcome.stage("count").unwrap().artifacts["metrics"];
    let document = std::fs::read_to_string(&count.files[""]).unwrap();
    assert_eq!(document, "{\n  \"texts\": 4\n}\n");
    let left = &first.outcome.stage("left").unwrap().record.as_ref().unwrap().outputs["texts"];
    assert_eq!(left.rows, Some(2));

    let before = world.files("cache");
    let second = world.run();
    second.assert_succeeded();
    assert_eq!(second.ended(StageEnd::Cached).len(), 5);
    assert_eq!(second.digests(), first.digests());
    assert_eq!(world.files("cache"), before, "a run with nothing to do writes nothing");
    assert_eq!((second.outcome.fresh, second.outcome.folder), (false, first.outcome.folder));
}

#[test]
fn every_stage_tells_its_story_in_order() {
    let world = World::new(DIAMOND);
    let ran = world.run();
    let of_bottom = ran.events.iter().filter_map(|timed| match &timed.event {
        Event::StageChecking { stage } if stage == "bottom" => Some("checking"),
        Event::StageQueued { stage } if stage == "bottom" => Some("queued"),
        Event::StageStarted { stage, .. } if stage == "bottom" => Some("started"),
        Event::StageFinished { stage, .. } if stage == "bottom" => Some("finished"),
        _ => None,
    });
    assert_eq!(of_bottom.collect::<Vec<_>>(), ["checking", "queued", "started", "finished"]);
    let Event::RunStarted { stages, recipe, .. } = &ran.events[0].event else {
        panic!("{:?}", ran.events[0])
    };
    assert_eq!(recipe, "toy");
    assert_eq!(stages[3].needs, ["left", "right"]);
    let last = &ran.events.last().unwrap().event;
    assert!(matches!(last, Event::RunFinished { status: Status::Succeeded, .. }), "{last:?}");
    assert!(ran.events.is_sorted_by_key(|timed| timed.at));
}

#[test]
fn light_stages_overlap_and_heavy_ones_do_not() {
    let world = World::new(
        r#"
[stage.a]
kind = "trace"
text = "a"
chunks = 1
milliseconds = 120
log = "LOG"
[stage.b]
kind = "trace"
text = "b"
chunks = 1
milliseconds = 120
log = "LOG"
[stage.x]
kind = "heavy-trace"
text = "x"
chunks = 1
milliseconds = 60
log = "LOG"
[stage.y]
kind = "heavy-trace"
text = "y"
chunks = 1
milliseconds = 60
log = "LOG"
"#,
    );
    world.run().assert_succeeded();
    let traces = world.traces();
    let place = |line: &str| traces.iter().position(|trace| trace == line).unwrap();
    assert!(place("a begins") < place("b ends") && place("b begins") < place("a ends"), "{traces:?}");
    assert!(place("x ends") < place("y begins") || place("y ends") < place("x begins"), "{traces:?}");
    assert!(place("x begins") < place("a ends"), "a heavy stage runs beside light ones: {traces:?}");
}

#[test]
fn two_stages_that_are_the_same_work_are_done_once() {
    let stage = |name: &str| {
        format!(
            "[stage.{name}]\nkind = \"trace\"\ntext = \"same\"\nchunks = 1\nmilliseconds = 50\nlog = \"LOG\"\n"
        )
    };
    let world = World::new(&format!("{}{}", stage("one"), stage("two")));
    let ran = world.run();
    ran.assert_succeeded();
    assert_eq!(world.traces(), ["same begins", "same chunk 0", "same ends"]);
    assert_eq!(ran.ended(StageEnd::Cached).len(), 1);
}

#[test]
fn hundreds_of_stages_with_nothing_to_do_take_little_time() {
    use std::fmt::Write;
    let mut recipe = String::from("[data.s0]\nkind = \"lines\"\nlines = [\"a\"]\n");
    for number in 1..400 {
        let before = if number % 2 == 0 { number - 1 } else { number / 2 };
        write!(recipe, "[stage.s{number}]\nkind = \"echo\"\ntexts = \"s{before}\"\nloudness = {number}.0\n")
            .unwrap();
    }
    let world = World::new(&recipe);
    world.run().assert_succeeded();
    let again = world.run();
    assert_eq!(again.ended(StageEnd::Cached).len(), 400);
    println!("400 cached stages: {:.0} ms", again.outcome.seconds * 1e3);
    // An optimised build takes hundredths of a second (see the benchmarks); this only catches a change of order.
    assert!(again.outcome.seconds < 2.0, "{} s", again.outcome.seconds);
}
