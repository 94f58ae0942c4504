//! The kinds `decoder` and `checkpoint`.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{path::Path, sync::Arc};

use chorale::{
    artifact::{Artifact, MODEL},
    checkpoint::{
        Weights, config,
        folder::{self, ModelFiles},
        safetensors,
    },
    failure::Failure,
    model::arch,
    stage::{
        contract::Kind,
        kinds::{checkpoint, decoder},
        port::Reference,
    },
    tensor::Tensor,
};
use serde_json::json;

use crate::{support::stage, token::trained};

fn spec(seed: u64) -> decoder::Spec {
    let settings = json!({
        "tokenizer": "tokenizer", "hidden_size": 32, "layers": 2, "heads": 4, "key_value_heads": 2,
        "feed_forward_size": 48, "context": 64, "seed": seed,
    });
    serde_json::from_value(settings).unwrap()
}

fn decoder(folder: &Path, spec: &decoder::Spec) -> Artifact {
    let tokenizer = trained(&folder.join("tokenizer"));
    let outcome = stage::run::<decoder::Decoder>(folder, spec, &[("tokenizer", &tokenizer)], &[]).unwrap();
    outcome.outputs["model"].clone()
}

fn take_in(folder: &Path, model: &Path) -> Result<Artifact, Failure> {
    let spec = checkpoint::Spec { path: Some(model.to_owned()), ..Default::default() };
    let outcome = stage::run::<checkpoint::Checkpoint>(folder, &spec, &[], &[("path", model)])?;
    Ok(outcome.outputs["model"].clone())
}

#[test]
fn a_decoder_has_all_tensors_of_its_network_and_its_tokenizer_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let files = ModelFiles::of(&decoder(dir.path(), &spec(7)));
    let weights = files.weights().unwrap();
    let network = arch::open(&serde_json::Value::Object(files.config().unwrap())).unwrap();
    let parameters = network.parameters();
    assert_eq!(parameters.len(), weights.len());
    for parameter in &parameters {
        assert_eq!(weights[&parameter.name].shape(), parameter.shape, "{}", parameter.name);
    }
    let embedding = weights["model.embed_tokens.weight"].as_f32().unwrap();
    let mean_square = embedding.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / embedding.len() as f64;
    assert!((mean_square.sqrt() - 0.02).abs() < 0.001, "{mean_square}");
    assert!(weights["model.norm.weight"].as_f32().unwrap().iter().all(|gain| *gain == 1.0));
    assert!(files.get("tokenizer.json").is_some());
    let fields = files.config().unwrap();
    assert_eq!(
        (&fields["bos_token_id"], &fields["eos_token_id"], &fields["pad_token_id"]),
        (&json!(0), &json!(1), &json!(2))
    );
}

#[test]
fn the_same_seed_gives_the_same_decoder_and_another_seed_another() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let seeds = [7, 7, 8];
    let digests: Vec<_> =
        dirs.iter().zip(seeds).map(|(dir, seed)| decoder(dir.path(), &spec(seed)).digest).collect();
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}

#[test]
fn sizes_that_make_no_decoder_are_found_before_anything_runs() {
    type Change = fn(&mut decoder::Spec);
    let cases: [(&str, Change); 7] = [
        ("hidden_size", |spec| spec.hidden_size = 0),
        ("layers", |spec| spec.layers = 1 << 40),
        ("heads", |spec| spec.heads = 5),
        ("heads", |spec| spec.heads = 32),
        ("key_value_heads", |spec| spec.key_value_heads = Some(3)),
        ("rms_norm_eps", |spec| spec.rms_norm_eps = f64::NAN),
        ("initializer_range", |spec| spec.initializer_range = -0.02),
    ];
    for (field, change) in cases {
        let mut wrong = spec(0);
        change(&mut wrong);
        let problems = decoder::Decoder::check(&wrong);
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    assert!(decoder::Decoder::check(&spec(0)).is_empty());
    assert_eq!(spec(0).tokenizer, Reference::parse("tokenizer").unwrap());
}

#[test]
fn a_checkpoint_is_taken_in_as_it_is() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = decoder(from.path(), &spec(1));
    let folder = made.files["config.json"].parent().unwrap();
    std::fs::write(folder.join("README.md"), "not needed").unwrap();
    let taken = take_in(to.path(), folder).unwrap();
    assert_eq!(taken.kind, MODEL);
    assert_eq!(taken.digest, made.digest);
    assert!(!taken.files.contains_key("README.md"));
}

#[test]
fn weights_are_referred_to_and_everything_else_is_copied() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = decoder(from.path(), &spec(1));
    let folder = made.files["config.json"].parent().unwrap();
    let taken = take_in(to.path(), folder).unwrap();
    for (name, path) in &taken.files {
        let link = std::fs::read_link(path).ok();
        let expected = (name == folder::WEIGHTS).then(|| folder.join(name).canonicalize().unwrap());
        assert_eq!(link, expected, "{name}");
    }
    assert!(taken.files.len() >= 4);
}

#[test]
fn a_checkpoint_without_a_path_is_a_problem_of_the_recipe() {
    let problems =
        checkpoint::Checkpoint::check(&checkpoint::Spec { path: Some("".into()), ..Default::default() });
    assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["path"]);
}

/// Takes in a decoder whose weights were changed.
fn take_in_changed(change: impl Fn(&mut Weights)) -> Result<Artifact, Failure> {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = decoder(from.path(), &spec(1));
    let folder = made.files["config.json"].parent().unwrap();
    let mut weights = safetensors::read(&folder.join(folder::WEIGHTS)).unwrap();
    change(&mut weights);
    safetensors::write(&folder.join(folder::WEIGHTS), &weights).unwrap();
    take_in(to.path(), folder)
}

fn one(value: f32) -> Arc<Tensor> {
    Arc::new(Tensor::f32(&[1], vec![value]).unwrap())
}

#[test]
fn weights_that_are_no_numbers_or_belong_to_nothing_are_named_with_their_file() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let damage = |weights: &mut Weights| {
            let Tensor::F32(mut array) = (*weights["model.norm.weight"]).clone() else { unreachable!() };
            *array.iter_mut().last().unwrap() = bad;
            weights.insert("model.norm.weight".to_owned(), Arc::new(Tensor::F32(array)));
        };
        let failure = take_in_changed(damage).unwrap_err();
        for expected in ["`model.norm.weight`", "model.safetensors", "not finite"] {
            assert!(failure.message.contains(expected), "{failure}");
        }
    }
    let failure = take_in_changed(|weights| drop(weights.insert("visual.patch.weight".to_owned(), one(0.0))))
        .unwrap_err();
    for expected in ["`visual.patch.weight`", "model.safetensors", "belongs to nothing"] {
        assert!(failure.message.contains(expected), "{failure}");
    }
}

#[test]
fn what_old_checkpoints_hold_beside_their_weights_is_left_aside() {
    let harmless = |weights: &mut Weights| {
        weights.insert("model.layers.0.self_attn.rotary_emb.inv_freq".to_owned(), one(1.0));
        // This decoder's head is tied.
        weights.insert("lm_head.weight".to_owned(), one(1.0));
    };
    take_in_changed(harmless).unwrap();
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_refused() {
    let from = tempfile::tempdir().unwrap();
    let made = decoder(from.path(), &spec(1));
    let folder = made.files["config.json"].parent().unwrap();
    let fields = config::read(&folder.join("config.json")).unwrap();
    for (field, value, expected) in [
        ("num_hidden_layers", json!(3), "has no tensor `model.layers.2.input_layernorm.weight`"),
        ("intermediate_size", json!(47), "has shape [48, 32]"),
        ("model_type", json!("mamba"), "mamba"),
        ("attention_bias", json!(true), "no tensor `model.layers.0.self_attn.q_proj.bias`"),
        ("vocab_size", json!(10), "has shape"),
    ] {
        let mut wrong = fields.clone();
        wrong.insert(field.to_owned(), value);
        config::write(&folder.join("config.json"), &wrong).unwrap();
        let failure = take_in(tempfile::tempdir().unwrap().path(), folder).unwrap_err();
        assert!(failure.message.contains(expected), "{field}: {failure}");
    }
    config::write(&folder.join("config.json"), &fields).unwrap();
    let bytes = std::fs::read(folder.join(folder::WEIGHTS)).unwrap();
    std::fs::write(folder.join(folder::WEIGHTS), &bytes[..bytes.len() - 1]).unwrap();
    let failure = take_in(tempfile::tempdir().unwrap().path(), folder).unwrap_err();
    assert!(failure.message.contains("truncated"), "{failure}");
    std::fs::write(folder.join(folder::WEIGHTS), &bytes).unwrap();
    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
    let failure = take_in(tempfile::tempdir().unwrap().path(), folder).unwrap_err();
    assert!(failure.message.contains("tokenizer.json"), "{failure}");
}

#[test]
fn the_golden_checkpoints_of_pytorch_read_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/training/untied");
    let weights = safetensors::read(&folder.join("model.safetensors")).unwrap();
    assert!(weights.contains_key("lm_head.weight"));
    assert!(weights.values().all(|tensor| matches!(**tensor, Tensor::F32(_))));
}
