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
        rank: 2,
        alpha: 4.0,
        rank_stabilised: true,
        dropout: 0.1,
        targets: vec!["q_proj".to_owned(), "v_proj".to_owned()],
        base_model: "base".to_owned(),
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
    assert_eq!(adapter::read(&files).unwrap(), (adapter, weights));
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
        ("rank_pattern", json!({"q_proj": 4})),
        ("r", json!(0)),
        ("lora_alpha", json!("many")),
        ("target_modules", json!("all-linear")),
    ];
    for (field, value) in cases {
        let mut fields = good.clone();
        fields.insert(field.to_owned(), value);
        config::write(&path, &fields).unwrap();
        let failure = adapter::read(&ModelFiles::in_folder(dir.path()).unwrap()).unwrap_err();
        assert!(failure.message.contains(&format!("`{field}`")), "{failure}");
    }
}
