//! Why a stage ran: a value with old and new.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use chorale::{cache::StaleReason, engine::Forecast};
use serde_json::json;

use crate::engine::world::{Ran, World};

fn recipe(times: u32, extra: &str) -> String {
    format!(
        "[data.rows]\nkind = \"lines\"\npath = \"rows.txt\"\n\
         [stage.copy]\nkind = \"echo\"\ntexts = \"rows\"\ntimes = {times}\n{extra}\n\
         [stage.count]\nkind = \"count\"\ntexts = \"copy\"\n"
    )
}

fn world() -> World {
    let world = World::new(&recipe(1, ""));
    fs::write(world.path("rows.txt"), "a\n").unwrap();
    let ran = world.run();
    ran.assert_succeeded();
    assert_eq!(ran.reasons("copy"), [StaleReason::New]);
    world
}

fn digest(ran: &Ran, output: &str) -> String {
    format!("texts {}", ran.digests()[output])
}

#[test]
fn a_changed_setting_is_told_with_old_and_new_and_its_effect_behind_it() {
    let world = world();
    let before = world.run();
    world.write(&recipe(2, "frame = { left = \"<\" }"));
    let ran = world.run();
    assert_eq!(ran.reasons("rows"), []);
    assert_eq!(
        ran.reasons("copy"),
        [
            StaleReason::Setting { name: "frame".into(), old: Some(json!(null)), new: None },
            StaleReason::Setting { name: "frame.left".into(), old: None, new: Some(json!("<")) },
            StaleReason::Setting { name: "frame.right".into(), old: None, new: Some(json!("")) },
            StaleReason::Setting { name: "times".into(), old: Some(json!(1)), new: Some(json!(2)) },
        ]
    );
    let (old, new) = (Some(digest(&before, "copy.texts")), Some(digest(&ran, "copy.texts")));
    assert_eq!(ran.reasons("count"), [StaleReason::Input { field: "texts".into(), old, new }]);
}

#[test]
fn an_input_that_comes_or_goes_is_told() {
    let world = world();
    world.write(&recipe(1, "more = \"rows\""));
    let ran = world.run();
    let new = Some(digest(&ran, "rows.texts"));
    assert_eq!(ran.reasons("copy"), [StaleReason::Input { field: "more".into(), old: None, new }]);
    assert_eq!(ran.reasons("copy")[0].to_string(), "input `more` is new");
}

#[test]
fn a_changed_file_is_told() {
    let world = world();
    fs::write(world.path("rows.txt"), "b\n").unwrap();
    let ran = world.run();
    assert!(
        matches!(ran.reasons("rows"), [StaleReason::File { field, old: Some(_), new: Some(_) }] if field == "path"),
        "{:?}",
        ran.reasons("rows")
    );
}

#[test]
fn another_kind_under_the_same_name_is_told() {
    let world = world();
    let text = recipe(1, "").replace("kind = \"count\"", "kind = \"echo\"\ntimes = 5");
    world.write(&text);
    let ran = world.run();
    assert_eq!(ran.reasons("count"), [StaleReason::Kind { old: "count".into(), new: "echo".into() }]);
}

#[test]
fn work_that_the_store_has_lost_is_told() {
    let world = world();
    fs::remove_dir_all(world.path("cache/keys/echo")).unwrap();
    let ran = world.run();
    assert_eq!(ran.reasons("copy"), [StaleReason::Forgotten]);
    assert_eq!(ran.reasons("count"), [], "it wrote the same bytes");
}

#[test]
fn a_forecast_says_what_a_run_would_do_and_does_nothing() {
    let world = world();
    let prospects = |world: &World| -> Vec<String> {
        let told = |forecast| match forecast {
            Forecast::Cached(record) => format!("{} is done", record.kind),
            Forecast::Runs(reasons) => reasons[0].to_string(),
            Forecast::Open(until) => format!("not known until {until:?}"),
            Forecast::Fails(failure) => failure.to_string(),
        };
        world.forecast().into_iter().map(told).collect()
    };
    assert_eq!(prospects(&world), ["lines is done", "echo is done", "count is done"]);
    world.write(&recipe(2, ""));
    let before = world.files("cache");
    let expected = ["lines is done", "times: 1 -> 2", "not known until [\"copy\"]"];
    assert_eq!(prospects(&world), expected);
    assert_eq!(world.files("cache"), before);
}
