//! LoRA adapters in PEFT's layout.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use chorale::{
    checkpoint::{
        Weights,
        adapter::{self, AdapterConfig},
        config,
        folder::ModelFiles,
        safetensors,
    },
    tensor::Tensor,
};
use serde_json::json;

fn example() -> (AdapterConfig, Weights) {
    let adapter = AdapterConfig {
        rank_stabilised: true,
        dropout: 0.1,
        base_model: "base".to_owned(),
        ..AdapterConfig::new(2, 4.0, vec!["v_proj".to_owned(), "q_proj".to_owned()])
    };
    let name = |part: &str| format!("model.layers.0.self_attn.q_proj.{part}.weight");
    let weights = Weights::from([
        (name("lora_A"), Arc::new(Tensor::f32(&[2, 3], vec![0.5; 6]).unwrap())),
        (name("lora_B"), Arc::new(Tensor::f32(&[4, 2], vec![0.25; 8]).unwrap())),
    ]);
    (adapter, weights)
}

#[test]
fn an_adapter_reads_back_and_has_the_names_of_peft() {
    let dir = tempfile::tempdir().unwrap();
    let (adapter, weights) = example();
    adapter::write(dir.path(), &adapter, &weights).unwrap();
    let files = ModelFiles::in_folder(dir.path()).unwrap();
    let read = adapter::read(&files).unwrap();
    assert_eq!(read.config, adapter);
    let path = "model.layers.0.self_attn.q_proj";
    let module = &read.modules[path];
    assert_eq!(module.a, weights[&format!("{path}.lora_A.weight")]);
    assert_eq!(module.b, weights[&format!("{path}.lora_B.weight")]);
    assert_eq!((module.rank(), module.inputs(), module.outputs()), (2, 3, 4));
    assert_eq!(module.scale, 4.0 / 2.0_f64.sqrt());
    let names: Vec<String> =
        safetensors::shapes(&dir.path().join(adapter::WEIGHTS)).unwrap().into_keys().collect();
    assert_eq!(names[0], "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
    let fields = config::read(&dir.path().join(adapter::CONFIG)).unwrap();
    assert_eq!(fields["peft_type"], "LORA");
    assert_eq!(fields["task_type"], "CAUSAL_LM");
    assert_eq!(fields["r"], 2);
    assert_eq!((&fields["use_rslora"], &fields["lora_dropout"]), (&json!(true), &json!(0.1)));
}

#[test]
fn what_an_adapter_asks_for_and_we_do_not_have_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (adapter, weights) = example();
    adapter::write(dir.path(), &adapter, &weights).unwrap();
    let path = dir.path().join(adapter::CONFIG);
    let good = config::read(&path).unwrap();
    let cases = [
        ("peft_type", json!("LOHA")),
        ("use_dora", json!(true)),
        ("use_rslora", json!("yes")),
        ("bias", json!("all")),
        ("modules_to_save", json!(["lm_head"])),
        ("rank_pattern", json!({"q_proj": 0})),
        ("alpha_pattern", json!(["q_proj"])),
        ("init_lora_weights", json!("pissa")),
        ("layer_replication", json!([[0, 1]])),
        ("trainable_token_indices", json!([1])),
        ("a_field_of_the_future", json!(1)),
        ("r", json!(0)),
        ("lora_alpha", json!("many")),
        ("target_modules", json!(7)),
    ];
    assert_eq!(cases.len(), 14);
    for (field, value) in cases {
        let mut fields = good.clone();
        fields.insert(field.to_owned(), value);
        config::write(&path, &fields).unwrap();
        let failure = adapter::read(&ModelFiles::in_folder(dir.path()).unwrap()).unwrap_err();
        assert!(failure.message.contains(&format!("`{field}`")), "{failure}");
    }
}

/// The example with its tensors changed.
fn changed(change: impl Fn(&mut Weights)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (adapter, mut weights) = example();
    change(&mut weights);
    adapter::write(dir.path(), &adapter, &weights).unwrap();
    adapter::read(&ModelFiles::in_folder(dir.path()).unwrap()).unwrap_err().message
}

#[test]
fn tensors_that_make_no_adapter_are_named() {
    let name = |part: &str| format!("model.layers.0.self_attn.q_proj.{part}");
    let tensor = |shape: &[usize]| Arc::new(Tensor::f32(shape, vec![0.5; shape.iter().product()]).unwrap());
    let message = changed(|weights| drop(weights.remove(&name("lora_B.weight"))));
    assert!(message.contains("lora_B.weight` is missing"), "{message}");
    let message = changed(|weights| drop(weights.remove(&name("lora_A.weight"))));
    assert!(message.contains("lora_B.weight` is no matrix A or B"), "{message}");
    let message = changed(|weights| drop(weights.insert(name("lora_magnitude_vector"), tensor(&[4]))));
    assert!(message.contains("lora_magnitude_vector` is no matrix"), "{message}");
    for shape in [&[3, 3][..], &[2], &[2, 0], &[2, 3, 1]] {
        let message = changed(|weights| drop(weights.insert(name("lora_A.weight"), tensor(shape))));
        assert!(message.contains("lora_A.weight` has shape") && message.contains("rank is 2"), "{message}");
    }
    let message = changed(Weights::clear);
    assert!(message.contains("holds no matrices"), "{message}");
    let nan = Arc::new(Tensor::f32(&[2, 3], vec![f32::NAN; 6]).unwrap());
    let message = changed(|weights| drop(weights.insert(name("lora_A.weight"), nan.clone())));
    assert!(message.contains("not finite"), "{message}");
}
