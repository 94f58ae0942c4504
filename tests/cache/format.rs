//! A folder that is no store, or a store of another format, is refused and left alone.

use std::fs;

use chorale::{cache::Store, failure::Cause};

#[test]
fn a_store_of_another_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("cache");
    Store::open(&root).unwrap();
    Store::open(&root).unwrap();
    fs::write(root.join("FORMAT"), "99\n").unwrap();
    let failure = Store::open(&root).unwrap_err();
    assert_eq!(failure.cause, Cause::Store);
    assert!(failure.message.contains("has format `99`, this chorale writes format `1`"), "{failure}");
    assert!(failure.hint.unwrap().contains("--cache DIR"));
    assert_eq!(fs::read_to_string(root.join("FORMAT")).unwrap(), "99\n");
}

#[test]
fn a_folder_that_holds_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let failure = Store::open(dir.path()).unwrap_err();
    assert!(failure.message.contains("neither empty nor a store"), "{failure}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_with_hidden_files_becomes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".gitkeep"), "").unwrap();
    Store::open(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("FORMAT")).unwrap(), "1\n");
    assert!(fs::read_to_string(dir.path().join("CACHEDIR.TAG")).unwrap().starts_with("Signature: "));
}

#[test]
fn a_store_below_a_file_cannot_be_made() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let failure = Store::open(&dir.path().join("file/cache")).unwrap_err();
    assert_eq!(failure.cause, Cause::Store);
}
