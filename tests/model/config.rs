//! What `config.json` says, and what is refused in it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use chorale::model::arch;
use serde_json::{Value as Json, json};

use super::tiny::golden;

fn written(name: &str) -> Json {
    let path = golden(&format!("architectures/{name}/config.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// `config` without some fields and with others.
fn with(mut config: Json, without: &[&str], more: &Json) -> Json {
    let map = config.as_object_mut().unwrap();
    for field in without {
        assert!(map.remove(*field).is_some(), "there is no `{field}` to remove");
    }
    map.extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn files_of_older_transformers_mean_the_same() {
    let yarn = json!({
        "rope_theta": 100.0,
        "rope_scaling": {
            "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 1.2,
            "mscale_all_dim": 0.7,
        },
    });
    let gemma3 = json!({
        "rope_theta": 1000.0, "rope_local_base_freq": 50.0, "rope_scaling": {"rope_type": "linear", "factor": 4.0},
        "sliding_window_pattern": 2,
    });
    let cohere2 = json!({"rope_theta": 10_000.0, "sliding_window_pattern": 2, "layer_switch": 2});
    for (name, without, more) in [
        ("qwen2", vec!["rope_parameters", "layer_types"], yarn),
        ("gemma2", vec!["layer_types"], json!({"hidden_act": "gelu_pytorch_tanh"})),
        ("gemma3_text", vec!["rope_parameters", "layer_types"], gemma3),
        ("cohere2", vec!["rope_parameters", "layer_types"], cohere2),
    ] {
        let new = written(name);
        let old = with(new.clone(), &without, &more);
        assert_eq!(arch::read(&old).unwrap(), arch::read(&new).unwrap(), "{name}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_field() {
    for (name, more, expected) in [
        ("llama", json!({"rotary_magic": 3}), "field `rotary_magic` is not supported: 3"),
        (
            "llama",
            json!({"quantization_config": {"bits": 4}}),
            "field `quantization_config` is not supported",
        ),
        ("llama", json!({"rope_parameters": {"rope_type": "longrope"}}), "`longrope`"),
        (
            "llama",
            json!({"rope_parameters": {"rope_type": "linear", "factor": 2, "beta": 1}}),
            "`rope_parameters.beta`",
        ),
        ("llama", json!({"rope_parameters": {"rope_type": "linear"}}), "`factor`"),
        ("llama", json!({"partial_rotary_factor": 0.5}), "field `partial_rotary_factor` is 0.5"),
        ("llama", json!({"sliding_window": 8}), "`sliding_window`"),
        ("mistral", json!({"sliding_window": 0}), "`sliding_window`"),
        ("mistral", json!({"attention_bias": true}), "`attention_bias`"),
        ("qwen2", json!({"use_mrope": true}), "`use_mrope`"),
        ("qwen2", json!({"layer_types": ["full_attention"]}), "`layer_types` names 1 layers"),
        (
            "qwen3",
            json!({"layer_types": ["full_attention", "chunked_attention", "full_attention"]}),
            "chunked_attention",
        ),
        ("gemma2", json!({"hidden_act": "relu"}), "`hidden_act`"),
        ("gemma2", json!({"attn_logit_softcapping": -1.0}), "`attn_logit_softcapping`"),
        ("gemma3_text", json!({"use_bidirectional_attention": true}), "`use_bidirectional_attention`"),
        ("gemma3_text", json!({"attn_logit_softcapping": 50.0}), "`attn_logit_softcapping`"),
        ("cohere", json!({"logit_scale": "much"}), "`logit_scale`"),
        ("cohere2", json!({"use_parallel_block": false}), "`use_parallel_block`"),
        ("cohere2", json!({"num_hidden_layers": 1 << 30}), "`num_hidden_layers`"),
    ] {
        let failure = arch::read(&with(written(name), &[], &more)).unwrap_err();
        assert!(failure.message.contains(expected), "{name}: {failure}");
    }
}

#[test]
fn an_encoder_is_no_decoder_and_a_decoder_no_encoder() {
    let encoder = json!({"model_type": "bert"});
    let failure = arch::read(&encoder).unwrap_err();
    assert!(failure.message.contains("gives vectors and no text"), "{failure}");
    let failure = arch::encoder(&written("llama")).unwrap_err();
    assert!(failure.message.contains("gives text and no vectors"), "{failure}");
    assert!(failure.hint.unwrap().contains("xlm-roberta"));
}

#[test]
fn a_model_of_more_than_text_is_named_as_such() {
    let config = json!({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}});
    let failure = arch::read(&config).unwrap_err();
    assert!(failure.message.contains("more than a text model"), "{failure}");
}
