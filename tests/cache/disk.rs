//! A full disk and a read-only one give clear failures and lose nothing. Both are made for real: a small file system in
//! memory, mounted in a user namespace of its own, where the machine lets us.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, process::Command};

use crate::{
    engine::{child, world::World},
    support::skip::skipped,
};

/// Runs a shell script in a namespace in which `$1` is a file system of 6 MiB. `$2...` is the command that runs the
/// recipe. False, with a line that says so, where the machine does not allow it.
fn on_a_small_disk(world: &World, run: &Command, script: &str) -> bool {
    let script = format!(
        "mount -t tmpfs -o size=6m tmpfs \"$1\" || {{ echo cannot-mount; exit 99; }}; disk=$1; shift; set -e; {script}"
    );
    let folder = world.path("disk");
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]).arg(&folder);
    command.arg(run.get_program()).args(run.get_args());
    for (name, value) in run.get_envs() {
        command.env(name, value.unwrap());
    }
    let Ok(output) = command.output() else {
        skipped("there is no `unshare` to make a small disk with");
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if text.contains("cannot-mount") || text.contains("unshare failed") {
        skipped(&format!("this machine lets nobody make a small disk: {}", text.trim()));
        return false;
    }
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    true
}

/// The recipe lies on the disk too, because the store lies beside it.
fn recipe(mebibytes: usize) -> String {
    format!(
        "[recipe]\nname = \"toy\"\n[stage.small]\nkind = \"folder\"\nmebibytes = 1\nbyte = 1\n\
         [stage.large]\nkind = \"folder\"\nmebibytes = {mebibytes}\nbyte = 2\n"
    )
}

#[test]
fn a_full_disk_fails_the_stage_and_keeps_what_was_done() {
    let world = World::new("");
    fs::write(world.path("large.toml"), recipe(20)).unwrap();
    fs::write(world.path("fitting.toml"), recipe(2)).unwrap();
    let disk = world.path("disk");
    let run = child::command(&disk, None);
    let script = format!(
        "cp {0}/large.toml $disk/recipe.toml; \
         CHORALE_TEST_FAILURE='free some space on that disk' \"$@\"; \
         test -z \"$(ls -A $disk/cache/staging)\"; \
         test $(ls $disk/cache/keys/folder | wc -l) = 1; \
         cp {0}/fitting.toml $disk/recipe.toml; \"$@\"; \
         test $(ls $disk/cache/keys/folder | wc -l) = 2; \
         grep -q 'stage-cached\",\"stage\":\"small\"' $disk/cache/runs/*/events.jsonl",
        world.dir.path().display()
    );
    on_a_small_disk(&world, &run, &script);
}

#[test]
fn a_disk_that_fills_up_while_a_record_is_written_keeps_the_store_whole() {
    let world = World::new("");
    fs::write(world.path("small.toml"), recipe(1)).unwrap();
    let disk = world.path("disk");
    let run = child::command(&disk, None);
    // The store exists; what is left of the disk is not even enough for an output.
    let script = format!(
        "cp {0}/small.toml $disk/recipe.toml; mkdir $disk/cache; echo 1 > $disk/cache/FORMAT; \
         dd if=/dev/zero of=$disk/ballast bs=4096 count=99999 2>/dev/null || true; \
         CHORALE_TEST_FAILURE='No space left' \"$@\"; \
         rm $disk/ballast; \"$@\"; test $(ls $disk/cache/keys/folder | wc -l) = 2",
        world.dir.path().display()
    );
    on_a_small_disk(&world, &run, &script);
}

#[test]
fn a_read_only_store_serves_what_is_done_and_refuses_what_is_not() {
    let world = World::new("");
    fs::write(world.path("done.toml"), recipe(1)).unwrap();
    fs::write(world.path("new.toml"), recipe(2)).unwrap();
    let disk = world.path("disk");
    let run = child::command(&disk, None);
    let script = format!(
        "cp {0}/done.toml $disk/recipe.toml; cp {0}/new.toml $disk/new.toml; \"$@\"; \
         mount -o remount,ro $disk; \"$@\"; \
         mount -o remount,rw $disk; cp $disk/new.toml $disk/recipe.toml; mount -o remount,ro $disk; \
         CHORALE_TEST_FAILURE='name a writable folder with `--cache DIR`' \"$@\"",
        world.dir.path().display()
    );
    on_a_small_disk(&world, &run, &script);
}
