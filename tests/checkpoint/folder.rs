//! Model folders: one file or shards, companions, what is missing.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{path::Path, sync::Arc};

use chorale::{
    checkpoint::{
        Weights, config,
        folder::{self, ModelFiles},
        safetensors,
    },
    tensor::Tensor,
};
use serde_json::{Map, json};

fn one(name: &str, value: f32) -> Weights {
    Weights::from([(name.to_owned(), Arc::new(Tensor::f32(&[1], vec![value]).unwrap()))])
}

fn object(value: &serde_json::Value) -> Map<String, serde_json::Value> {
    value.as_object().unwrap().clone()
}

fn write_json(path: &Path, value: &serde_json::Value) {
    config::write(path, &object(value)).unwrap();
}

#[test]
fn a_folder_reads_back_and_notes_its_element_type() {
    let dir = tempfile::tempdir().unwrap();
    folder::write(dir.path(), &object(&json!({"model_type": "llama", "vocab_size": 3})), &one("w", 1.5))
        .unwrap();
    let files = ModelFiles::in_folder(dir.path()).unwrap();
    assert_eq!(files.weights().unwrap(), one("w", 1.5));
    let fields = files.config().unwrap();
    assert_eq!(fields["dtype"], "float32");
    assert_eq!(fields["vocab_size"], 3);
}

#[test]
fn shards_are_read_through_their_index() {
    let dir = tempfile::tempdir().unwrap();
    safetensors::write(&dir.path().join("model-1.safetensors"), &one("a", 1.0)).unwrap();
    safetensors::write(&dir.path().join("model-2.safetensors"), &one("b", 2.0)).unwrap();
    let index = dir.path().join(folder::INDEX);
    let map = json!({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}});
    write_json(&index, &map);
    let all = ModelFiles::in_folder(dir.path()).unwrap().weights().unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "b"]);

    write_json(&index, &json!({"weight_map": {"a": "model-1.safetensors", "b": "../elsewhere.safetensors"}}));
    let failure = ModelFiles::in_folder(dir.path()).unwrap().weights().unwrap_err();
    assert!(failure.message.contains("../elsewhere.safetensors"), "{failure}");

    write_json(&index, &json!({"weight_map": ["model-1.safetensors"]}));
    let failure = ModelFiles::in_folder(dir.path()).unwrap().weights().unwrap_err();
    assert!(failure.message.contains("weight_map"), "{failure}");

    safetensors::write(&dir.path().join("model-2.safetensors"), &one("a", 2.0)).unwrap();
    write_json(&index, &json!({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}));
    let failure = ModelFiles::in_folder(dir.path()).unwrap().weights().unwrap_err();
    assert!(failure.message.contains("`a` is in two files"), "{failure}");
}

#[test]
fn an_index_that_contradicts_its_shards_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    safetensors::write(&dir.path().join("model-1.safetensors"), &one("a", 1.0)).unwrap();
    safetensors::write(&dir.path().join("model-2.safetensors"), &one("b", 2.0)).unwrap();
    let cases = [
        // The tensors of the two files the other way round.
        (json!({"a": "model-2.safetensors", "b": "model-1.safetensors"}), "`a` is in `model-1.safetensors`"),
        (
            json!({"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"}),
            "`c` is missing from `model-2.safetensors`",
        ),
        (json!({"a": "model-1.safetensors", "b": "model-3.safetensors"}), "names a shard that is missing: `"),
        (json!({"a": "model-1.safetensors", "b": 7}), "has no table `weight_map`"),
        (json!({}), "has no table `weight_map`"),
    ];
    for (map, expected) in cases {
        write_json(&dir.path().join(folder::INDEX), &json!({"weight_map": map}));
        let failure = ModelFiles::in_folder(dir.path()).unwrap().weights().unwrap_err();
        assert!(failure.message.contains(expected), "{failure}");
    }
    let mut both = one("b", 2.0);
    both.extend(one("z", 3.0));
    safetensors::write(&dir.path().join("model-2.safetensors"), &both).unwrap();
    let map = json!({"a": "model-1.safetensors", "b": "model-2.safetensors"});
    write_json(&dir.path().join(folder::INDEX), &json!({"weight_map": map}));
    let failure = ModelFiles::in_folder(dir.path()).unwrap().weights().unwrap_err();
    assert!(failure.message.contains("`z` of `model-2.safetensors` is not in"), "{failure}");
}

#[test]
fn what_is_missing_is_named_with_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("pytorch_model.bin"), b"x").unwrap();
    let files = ModelFiles::in_folder(dir.path()).unwrap();
    let failure = files.weights().unwrap_err();
    assert!(failure.message.contains("`model.safetensors`"), "{failure}");
    assert!(failure.hint.unwrap().contains("`pytorch_model.bin`"));
    assert!(ModelFiles::in_folder(&dir.path().join("nowhere")).unwrap_err().message.contains("nowhere"));
}

#[test]
fn json_files_of_a_model_may_be_wrong_in_any_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    for (content, expected) in [("{", "is not JSON"), ("[1]", "not a JSON object"), ("", "is not JSON")] {
        std::fs::write(&path, content).unwrap();
        let failure = config::read(&path).unwrap_err();
        assert!(failure.message.contains(expected), "{content}: {failure}");
    }
    let fields = object(&json!({"one": 7, "many": [1, 2], "none": null, "wrong": "x", "negative": -1}));
    assert_eq!(config::token_ids(&fields, "one").unwrap(), [7]);
    assert_eq!(config::token_ids(&fields, "many").unwrap(), [1, 2]);
    assert!(config::token_ids(&fields, "none").unwrap().is_empty());
    assert!(config::token_ids(&fields, "absent").unwrap().is_empty());
    for wrong in ["wrong", "negative"] {
        assert!(config::token_ids(&fields, wrong).unwrap_err().message.contains(wrong));
    }
}

#[test]
fn companions_are_copied_with_content_only() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["tokenizer.json", "LICENSE", "notes.txt"] {
        let path = from.path().join(name);
        std::fs::write(&path, name).unwrap();
        let mut permissions = std::fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&path, permissions).unwrap();
    }
    ModelFiles::in_folder(from.path()).unwrap().copy_companions(to.path()).unwrap();
    assert_eq!(std::fs::read_to_string(to.path().join("LICENSE")).unwrap(), "LICENSE");
    assert!(!std::fs::metadata(to.path().join("tokenizer.json")).unwrap().permissions().readonly());
    assert!(!to.path().join("notes.txt").exists());
}
