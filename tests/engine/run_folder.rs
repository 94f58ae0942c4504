//! The folder of a run: events, the recipe, the record, and outputs under their names.

use std::fs;

use chorale::engine::{RunRecord, event::Timed, outcome::StageEnd};

use super::world::World;

const RECIPE: &str = r#"
[data.a]
kind = "lines"
lines = ["x"]
[stage.n]
kind = "count"
texts = "a"
[stage.m]
kind = "folder"
mebibytes = 2
byte = 7
"#;

#[test]
fn a_run_folder_holds_what_happened_and_all_outputs_by_name() {
    let world = World::new(RECIPE);
    let ran = world.run();
    let folder = ran.outcome.folder.clone().unwrap();
    assert!(ran.outcome.fresh);
    assert_eq!(fs::read(folder.join("recipe.toml")).unwrap(), fs::read(world.path("recipe.toml")).unwrap());

    let lines = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    let written: Vec<Timed> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(written, ran.events);

    let record = RunRecord::load(&folder).unwrap();
    assert_eq!(record.recipe, "toy");
    assert_eq!(record.stages.len(), 3);
    assert!(record.stages.iter().all(|stage| stage.end == StageEnd::Finished && stage.seconds.is_some()));

    let outputs = folder.join("outputs");
    assert_eq!(
        world.files(outputs.strip_prefix(world.dir.path()).unwrap().to_str().unwrap()),
        ["a/texts.jsonl", "m/model/model.safetensors", "m/model/nested/config.json", "n/metrics.json"]
    );
    assert_eq!(fs::read(outputs.join("m/model/model.safetensors")).unwrap(), vec![7; 2 << 20]);
    assert!(fs::metadata(outputs.join("n/metrics.json")).unwrap().permissions().readonly());
}

#[test]
fn a_run_that_only_reads_gets_a_folder_if_no_other_run_did_the_same() {
    let world = World::new(RECIPE);
    let first = world.run();
    fs::remove_dir_all(world.path("cache/runs")).unwrap();
    let again = world.run();
    assert_eq!(again.ended(StageEnd::Cached).len(), 3);
    assert!(again.outcome.fresh);
    assert_ne!(again.outcome.folder, first.outcome.folder);
    let third = world.run();
    assert_eq!((third.outcome.fresh, &third.outcome.folder), (false, &again.outcome.folder));
}

#[test]
fn a_run_of_a_part_that_is_done_names_the_run_that_did_it() {
    let world = World::new(RECIPE);
    let first = world.run();
    world.write("[data.a]\nkind = \"lines\"\nlines = [\"x\"]\n");
    let part = world.run();
    assert_eq!((part.outcome.fresh, part.outcome.folder), (false, first.outcome.folder));
}
