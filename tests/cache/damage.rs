//! A damaged object or record is found, said, removed and computed again; it is never used.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use chorale::{cache::StaleReason, engine::outcome::StageEnd};

use crate::engine::world::{Ran, World};

const RECIPE: &str = r#"
[data.rows]
kind = "lines"
lines = ["a", "b", "c"]
[stage.copy]
kind = "echo"
texts = "rows"
times = 3
[stage.model]
kind = "folder"
mebibytes = 3
byte = 1
"#;

/// Makes a file of the store writable and changes it.
fn change(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn object(world: &World, ran: &Ran, output: &str) -> PathBuf {
    let hex = &ran.digests()[output];
    let (head, tail) = hex.split_at(2);
    world.path("cache/objects").join(head).join(tail)
}

/// Runs, breaks something, and asserts that exactly `stage` is said to be damaged and computed again.
fn assert_mended(stage: &str, said: &str, harm: impl Fn(&World, &Ran)) {
    let world = World::new(RECIPE);
    let first = world.run();
    first.assert_succeeded();
    harm(&world, &first);
    let damage = world.store().verify().unwrap().damage;
    assert!(!damage.is_empty(), "`cache verify` sees nothing");

    let second = world.run();
    second.assert_succeeded();
    assert_eq!(second.ended(StageEnd::Finished), [stage]);
    let what = match second.reasons(stage) {
        [StaleReason::Damaged { what }] => what.clone(),
        others => format!("not damaged, but {others:?}"),
    };
    assert!(what.contains(said), "{what}");
    assert_eq!(second.digests(), first.digests());
    assert_eq!(world.store().verify().unwrap().damage, []);
    assert_eq!(world.run().ended(StageEnd::Cached).len(), 3);
}

#[test]
fn a_truncated_object_is_computed_again() {
    assert_mended("copy", "has other content", |world, ran| {
        change(&object(world, ran, "copy.texts"), |bytes| bytes.truncate(20));
    });
}

#[test]
fn an_object_with_one_flipped_bit_is_computed_again() {
    assert_mended("copy", "has other content", |world, ran| {
        change(&object(world, ran, "copy.texts"), |bytes| bytes[30] ^= 1);
    });
}

#[test]
fn a_missing_object_is_computed_again() {
    assert_mended("copy", "is missing", |world, ran| {
        fs::remove_file(object(world, ran, "copy.texts")).unwrap();
    });
}

#[test]
fn a_large_object_with_one_flipped_bit_is_computed_again() {
    let large = |world: &World, ran: &Ran| {
        let artifact = &ran.outcome.stage("model").unwrap().artifacts["model"];
        let path = artifact.files["model.safetensors"].clone();
        assert!(path.starts_with(world.path("cache/objects")));
        path
    };
    assert_mended("model", "has other content", |world, ran| {
        change(&large(world, ran), |bytes| bytes[2 << 20] ^= 1);
    });
    assert_mended("model", "is missing", |world, ran| fs::remove_file(large(world, ran)).unwrap());
}

#[test]
fn a_manifest_that_is_damaged_or_lies_is_computed_again() {
    assert_mended("model", "has other content", |world, ran| {
        change(&object(world, ran, "model.model"), |bytes| bytes.truncate(10));
    });
    assert_mended("model", "has other content", |world, ran| {
        let lie = br#"{"files":{"../../../stolen":{"digest":"","bytes":0}}}"#;
        change(&object(world, ran, "model.model"), |bytes| *bytes = lie.to_vec());
    });
}

#[test]
fn a_damaged_record_is_computed_again() {
    let record = |world: &World| {
        let files = world.files("cache/keys/echo");
        world.path("cache/keys/echo").join(&files[0])
    };
    assert_mended("copy", "record cannot be read", |world, _| {
        change(&record(world), |bytes| bytes.truncate(100));
    });
    assert_mended("copy", "record was changed", |world, _| {
        change(&record(world), |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.replace("\"rows\": 9", "\"rows\": 8").into_bytes();
        });
    });
    assert_mended("copy", "record is about other work", |world, _| {
        let other = world.files("cache/keys/lines");
        let other = fs::read_to_string(world.path("cache/keys/lines").join(&other[0])).unwrap();
        change(&record(world), |bytes| *bytes = other.clone().into_bytes());
    });
}

#[test]
fn damage_to_a_users_link_is_damage_to_the_object() {
    let world = World::new(RECIPE);
    let first = world.run();
    let link = first.outcome.folder.clone().unwrap().join("outputs/copy/texts.jsonl");
    let mut permissions = fs::metadata(&link).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&link, permissions).unwrap();
    fs::write(&link, "edited in place\n").unwrap();
    let second = world.run();
    second.assert_succeeded();
    assert_eq!(second.ended(StageEnd::Finished), ["copy"]);
    assert_eq!(second.digests(), first.digests());
}
