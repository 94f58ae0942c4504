//! A run can be killed at any moment, and two runs can share a store: every piece of work is done once, and the end is
//! the same.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fmt::Write, fs, thread, time::Duration};

use chorale::{engine::outcome::StageEnd, random::Draws};

use super::{
    child::{finish, start},
    world::World,
};

/// Twelve stages of six chunks in two chains that meet, a heavy one among them.
fn recipe() -> String {
    let mut recipe = String::new();
    for number in 0..12_usize {
        let kind = if number == 4 { "heavy-trace" } else { "trace" };
        let after = match number {
            0 | 1 => String::new(),
            11 => r#""s10", "s9""#.to_owned(),
            _ => format!("\"s{}\"", number - 2),
        };
        write!(
            recipe,
            "[stage.s{number}]\nkind = \"{kind}\"\ntext = \"t{number}\"\nchunks = 6\nmilliseconds = 8\nlog = \"LOG\"\n\
             after = [{after}]\n"
        )
        .unwrap();
    }
    recipe
}

fn counted(traces: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for trace in traces {
        *counts.entry(trace.as_str()).or_default() += 1;
    }
    counts
}

#[test]
fn a_run_killed_again_and_again_ends_like_an_undisturbed_one() {
    let undisturbed = World::new(&recipe()).run();
    undisturbed.assert_succeeded();
    let world = World::new(&recipe());
    let mut draws = Draws::new(3, "kills", 0);
    let mut kills = 0;
    loop {
        let mut child = start(world.dir.path());
        // Later kills leave more time, so that a slow machine gets on too.
        thread::sleep(Duration::from_millis((20 + 5 * kills + draws.below(60)) as u64));
        if child.try_wait().unwrap().is_some() {
            finish(child);
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 100, "no progress between kills");
    }
    println!("killed {kills} times");
    assert!(kills >= 2, "the run was over before it could be killed");

    let traces = world.traces();
    let counts = counted(&traces);
    let chunks: usize =
        counts.iter().filter(|(trace, _)| trace.contains("chunk")).map(|(_, count)| count).sum();
    // Each kill costs at most the chunks in flight: three slots.
    assert!((72..=72 + 3 * kills).contains(&chunks), "{chunks} chunks after {kills} kills");

    let after = world.run();
    after.assert_succeeded();
    assert_eq!(after.ended(StageEnd::Cached).len(), 12);
    assert_eq!(after.digests(), undisturbed.digests());
    assert_eq!(world.store().verify().unwrap().damage, []);
    for left in ["staging", "journal", "locks"] {
        let files = world.files(&format!("cache/{left}"));
        // A journal of a killed attempt goes with its record; a lock file of a killed process may stay.
        assert!(left == "locks" || files.is_empty(), "{left}: {files:?}");
    }
}

#[test]
fn two_processes_with_one_store_do_every_stage_once() {
    let world = World::new(&recipe());
    let (one, other) = (start(world.dir.path()), start(world.dir.path()));
    finish(one);
    finish(other);
    let traces = world.traces();
    let counts = counted(&traces);
    assert_eq!(counts.len(), 12 * 8);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert!(fs::read_dir(world.path("cache/locks")).unwrap().next().is_none());
}

#[test]
fn a_process_waits_for_work_that_another_one_has_begun() {
    let recipe = "[stage.a]\nkind = \"trace\"\ntext = \"a\"\nchunks = 4\nmilliseconds = 150\nlog = \"LOG\"\n";
    let world = World::new(recipe);
    let child = start(world.dir.path());
    while world.files("cache/journal").is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    let ran = world.run();
    ran.assert_succeeded();
    assert_eq!(ran.end("a"), StageEnd::Cached);
    let waited = ran.events.iter().any(
        |timed| matches!(&timed.event, chorale::engine::event::Event::StageWaiting { stage } if stage == "a"),
    );
    assert!(waited, "{:?}", ran.events);
    finish(child);
    assert_eq!(world.traces().iter().filter(|trace| *trace == "a begins").count(), 1);
}
