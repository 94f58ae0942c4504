//! `chorale run` with a model from a hub: fetched once, locked, checked ever after, and nowhere a token.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use chorale::{
    checkpoint::folder,
    model::arch,
    token::training::{Training, train},
};
use serde_json::json;

use super::server::{Content, FakeHub};
use crate::{
    model::tiny,
    support::workspace::{Ran, Workspace},
};

const RECIPE: &str = "[recipe]\nname = \"hub\"\n\n[model.base]\nhf = \"org/name\"\n";
const TOKEN: &str = "hf_veryverysecret";

/// A real model folder, as files of a hub.
fn content() -> Content {
    let dir = tempfile::tempdir().unwrap();
    let special = |token: &str| token.to_owned();
    let (begin, end, pad) = (special("<s>"), special("</s>"), special("<pad>"));
    let training = Training { vocabulary_size: 280, min_frequency: 1, begin, end, pad };
    let vocabulary = train(dir.path(), ["The capital of France is Paris."].into_iter(), &training).unwrap();
    let config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": vocabulary, "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": true,
    });
    let weights = tiny::weights(&arch::open(&config).unwrap().parameters());
    folder::write(dir.path(), config.as_object().unwrap(), &weights).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
    }
    let borrowed: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Content { token: Some(TOKEN.to_owned()), ..Content::new(&borrowed) }
}

fn run(space: &Workspace, endpoint: &str, arguments: &str) -> Ran {
    let mut command = space.command();
    command.env("HF_ENDPOINT", endpoint).env("HF_TOKEN", TOKEN);
    Ran::of(command.args(arguments.split_whitespace()).output().unwrap())
}

/// Whether any file below a folder holds this text.
fn holds(folder: &Path, text: &str, files: &mut usize) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return holds(&path, text, files);
        }
        *files += 1;
        fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_model_is_fetched_once_locked_and_checked_ever_after() {
    let fake = FakeHub::new(content());
    let space = Workspace::new();
    space.write("r.toml", RECIPE);
    let endpoint = &fake.hub.address;

    // Planning opens no connection.
    let plan = run(&space, endpoint, "plan r.toml").exits(0);
    assert!(plan.out.contains("hf://org/name@main"), "{}", plan.out);
    run(&space, endpoint, "check r.toml").exits(0);
    run(&space, endpoint, "explain r.toml").exits(0);
    assert!(fake.hub.asked().is_empty());
    assert!(!space.path("r.lock").exists());

    let first = run(&space, endpoint, "run r.toml -vv").exits(0);
    assert!(first.err.contains("fetching `config.json`"), "{}", first.err);
    let lock = space.read("r.lock");
    assert!(lock.contains("hf = \"org/name\"") && lock.contains("name = \"model.safetensors\""), "{lock}");

    // Locked and in the cache: no hub is needed, and nothing is done again.
    let again = run(&space, "http://127.0.0.1:9", "run r.toml").exits(0);
    assert!(again.err.contains("cached base"), "{}", again.err);
    assert_eq!(space.read("r.lock"), lock);
    run(&space, "http://127.0.0.1:9", "explain r.toml").exits(0);

    // Another machine with the same recipe and lock file takes the same files.
    let other = Workspace::new();
    other.write("r.toml", RECIPE);
    other.write("r.lock", &lock);
    let moved = run(&other, endpoint, "run r.toml --json").exits(0);
    assert_eq!(other.read("r.lock"), lock);
    let here = run(&space, endpoint, "run r.toml --json").exits(0);
    assert_eq!(moved.json()["stages"][0]["key"], here.json()["stages"][0]["key"]);

    // A lock file that says something else is an error with both hashes.
    let line = lock.lines().find(|line| line.starts_with("sha256 = ")).unwrap();
    let right = line.split('"').nth(1).unwrap();
    let wrong = "0123456789abcdef".repeat(4);
    space.write("r.lock", &lock.replace(right, &wrong));
    let failed = run(&space, endpoint, "run r.toml").exits(3);
    assert!(failed.err.contains(right) && failed.err.contains(&wrong), "{}", failed.err);

    // No output, no file of cache, lock or store holds the token or the storage's signature.
    for secret in [TOKEN, "signed-secret"] {
        for ran in [&plan, &first, &again, &moved, &here, &failed] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret));
        }
        for space in [&space, &other] {
            let mut files = 0;
            assert!(!holds(&space.path(""), secret, &mut files));
            assert!(files > 10, "{files}");
        }
    }
}

#[test]
fn refusals_and_offline_end_with_words() {
    let fake = FakeHub::new(content());
    let space = Workspace::new();
    space.write("r.toml", RECIPE);
    let mut command = space.command();
    command.env("HF_ENDPOINT", &fake.hub.address).env("HF_TOKEN", "hf_wrong").args(["run", "r.toml"]);
    let refused = Ran::of(command.output().unwrap()).exits(3);
    assert!(refused.err.contains("is not accepted") && !refused.err.contains("hf_wrong"), "{}", refused.err);
    let mut command = space.command();
    command.env("HF_ENDPOINT", &fake.hub.address).env("HF_HUB_OFFLINE", "1").args(["run", "r.toml"]);
    let offline = Ran::of(command.output().unwrap()).exits(3);
    assert!(offline.err.contains("`org/name` at `main` is not in the cache"), "{}", offline.err);
    assert!(!space.path("r.lock").exists());
}
