//! Inputs enter keys by content: equal bytes stop a rebuild.

use std::fs;

use chorale::engine::outcome::StageEnd;

use crate::engine::world::World;

const RECIPE: &str = r#"
[data.rows]
kind = "lines"
path = "rows.txt"
[stage.copy]
kind = "echo"
texts = "rows"
case = "upper"
[stage.count]
kind = "count"
texts = "copy"
"#;

#[test]
fn a_stage_that_writes_the_same_bytes_again_does_not_rerun_what_follows() {
    let world = World::new(RECIPE);
    fs::write(world.path("rows.txt"), "a\nb\n").unwrap();
    world.run().assert_succeeded();
    fs::write(world.path("rows.txt"), "A\nb\n").unwrap();
    let ran = world.run();
    ran.assert_succeeded();
    assert_eq!(
        ran.ended(StageEnd::Finished),
        ["rows", "copy"],
        "`copy` writes capitals, so `count` sees no change"
    );
    assert_eq!(ran.ended(StageEnd::Cached), ["count"]);
}

#[test]
fn names_comments_order_and_spelled_out_defaults_do_not_matter() {
    let world = World::new(RECIPE);
    fs::write(world.path("rows.txt"), "a\nb\n").unwrap();
    world.run().assert_succeeded();
    world.write(
        r#"
# Another order, other names, defaults written out.
[stage.number]
kind = "count"
texts = "twice.texts"
[stage.twice]
case = "upper"
loudness = 0.0
times = 1
texts = "lines"
kind = "echo"
[data.lines]
kind = "lines"
lines = []
path = "moved.txt"
"#,
    );
    fs::rename(world.path("rows.txt"), world.path("moved.txt")).unwrap();
    let ran = world.run();
    ran.assert_succeeded();
    assert_eq!(ran.ended(StageEnd::Cached).len(), 3);
}

#[test]
fn a_file_that_is_only_touched_is_not_another_file() {
    let world = World::new(RECIPE);
    fs::write(world.path("rows.txt"), "a\n").unwrap();
    world.run().assert_succeeded();
    fs::write(world.path("rows.txt"), "b\n").unwrap();
    assert!(!world.run().ended(StageEnd::Finished).is_empty());
    fs::write(world.path("rows.txt"), "a\n").unwrap();
    assert_eq!(world.run().ended(StageEnd::Cached).len(), 3, "going back finds the old work");
}
