//! The Llama family.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fs};

use chorale::{
    checkpoint::safetensors,
    decode::{
        generate::CachedModel,
        score::{Scope, Scorer},
        slots::Slots,
    },
    model::{arch, row::Row},
    tensor::{
        Tensor,
        close::{Tolerance, relative_error},
    },
};
use serde::Deserialize;

use super::{
    forward::{greedy, row_logits, row_session},
    tiny::{self, GOLDEN, golden},
};
use crate::{decode::score, runtime::runtime};

#[derive(Deserialize)]
struct Case {
    prompts: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
}

fn case(name: &str) -> (Case, BTreeMap<String, std::sync::Arc<Tensor>>) {
    let json = fs::read(golden(&format!("decode/{name}.json"))).unwrap();
    let tensors = safetensors::read(&golden(&format!("decode/{name}.safetensors"))).unwrap();
    (serde_json::from_slice(&json).unwrap(), tensors)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn assert_close(got: &[f32], expected: &[f32], tolerance: Tolerance) {
    let error = relative_error(&wide(got), &wide(expected));
    assert!(error <= tolerance.relative(), "relative error {error:e} beyond {tolerance:?}");
}

#[test]
fn logits_are_those_of_transformers() {
    let mut compared = 0;
    for name in GOLDEN {
        let (case, tensors) = case(name);
        let mut session = row_session(&tiny::checkpoint(runtime(), name));
        for (index, prompt) in case.prompts.iter().enumerate() {
            let row = Row::new(prompt, &[[0_u32; 0]; 0]);
            let got = row_logits(&mut session, &[&row], prompt.len());
            assert_close(&got, tensors[&format!("logits.{index}")].as_f32().unwrap(), Tolerance::Close);
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

#[test]
fn greedy_text_is_that_of_transformers() {
    let mut compared = 0;
    for name in GOLDEN {
        let (case, _) = case(name);
        let decoder = tiny::checkpoint(runtime(), name);
        for (prompt, expected) in case.prompts.iter().zip(&case.greedy) {
            assert_eq!(greedy(&decoder, prompt, expected.len()), *expected);
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

#[test]
fn a_shared_prompt_gives_every_branch_the_numbers_of_a_sequence_of_its_own() {
    let decoder = tiny::random(runtime(), 8);
    let mut session = row_session(&decoder);
    let prompt = tiny::tokens("prompt", 11, 300);
    let branches: Vec<Vec<u32>> = [5, 1, 9].map(|n| tiny::tokens(&format!("branch-{n}"), n, 300)).into();
    let shared = Row::new(&prompt, &branches);
    let other = Row::new(&tiny::tokens("other", 4, 300), &branches[..1]);
    let together = row_logits(&mut session, &[&other, &shared], 32);
    for (index, branch) in branches.iter().enumerate() {
        let alone = Row::new(&prompt, std::slice::from_ref(branch));
        let alone_logits = row_logits(&mut session, &[&alone], alone.len());
        for (offset, cell) in shared.branches[index].clone().enumerate() {
            let at = (32 + cell) * 300;
            let own = (prompt.len() + offset) * 300;
            assert_close(&together[at..at + 300], &alone_logits[own..own + 300], Tolerance::Close);
        }
    }
}

#[test]
fn a_prefix_shared_pair_has_the_log_probabilities_of_two_sequences() {
    for width in [8, 16] {
        let decoder = tiny::random(runtime(), width);
        let mut scorer = Scorer::new(runtime(), &decoder).unwrap();
        let prompt = tiny::tokens("prompt", 20, 300);
        let (chosen, rejected) = (tiny::tokens("chosen", 13, 300), tiny::tokens("rejected", 9, 300));
        let rows = [
            Row::new(&prompt, &[&chosen, &rejected]),
            Row::new(&prompt, &[&chosen]),
            Row::new(&prompt, &[&rejected]),
        ];
        let scores = score::all(&mut scorer, &rows, Scope::Everything, 1024);
        assert_eq!(scores[0].branches[0].len(), 13);
        assert_close(&scores[0].branches[0], &scores[1].branches[0], Tolerance::Close);
        assert_close(&scores[0].branches[1], &scores[2].branches[0], Tolerance::Close);
        assert_eq!(scores[0].prompt.len(), 19);
        assert_close(&scores[0].prompt, &scores[2].prompt, Tolerance::Close);
    }
}

/// Decoding with a cache and scoring a whole row are one network: both ways of rotating (width 8: before the kernel, 16
/// and 24: one of each) give the same logits.
#[test]
fn decoding_with_a_cache_agrees_with_whole_rows() {
    for width in [8, 16, 24, 32] {
        let decoder = tiny::random(runtime(), width);
        let text = tiny::tokens("text", 30, 300);
        let row = Row::new(&text, &[[0_u32; 0]; 0]);
        let expected = row_logits(&mut row_session(&decoder), &[&row], text.len());
        let mut slots = Slots::new(runtime(), &decoder, 3, 64).unwrap();
        // Something else lies in the caches first.
        slots.prefill(&tiny::tokens("earlier", 40, 300)).unwrap();
        slots.place(2).unwrap();
        let logits = slots.prefill(&text[..12]).unwrap();
        assert_close(&logits, &expected[11 * 300..12 * 300], Tolerance::Close);
        slots.place(2).unwrap();
        for position in 12..text.len() {
            slots.step(&[7, 8, text[position]], &[0, 3, position]).unwrap();
            slots.with_logits(&mut |logits| {
                let own = &expected[position * 300..(position + 1) * 300];
                assert_close(&logits[2 * 300..], own, Tolerance::Close);
            });
        }
    }
}

#[test]
fn stretched_frequencies_are_those_of_transformers() {
    #[derive(Deserialize)]
    struct Golden {
        rope_parameters: serde_json::Value,
        frequencies: Vec<f32>,
    }
    let golden: Golden =
        serde_json::from_slice(&fs::read(golden("decode/frequencies.json")).unwrap()).unwrap();
    let fields = serde_json::json!({
        "model_type": "llama", "vocab_size": 10, "hidden_size": 4096, "num_attention_heads": 32, "intermediate_size": 10,
        "num_hidden_layers": 1, "rope_parameters": golden.rope_parameters,
    });
    let config = arch::read(&fields).unwrap();
    assert_eq!((golden.frequencies.len(), config.rotaries[0].frequencies.len()), (64, 64));
    for (got, expected) in config.rotaries[0].frequencies.iter().zip(&golden.frequencies) {
        assert!((got / expected - 1.0).abs() < 1e-5, "{got} {expected}");
    }
}

#[test]
fn configs_that_make_no_sense_are_refused_by_field() {
    let good = serde_json::json!({
        "model_type": "llama", "vocab_size": 10, "hidden_size": 16, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 10, "num_hidden_layers": 1,
    });
    arch::open(&good).unwrap();
    let wrong = [
        ("model_type", serde_json::json!("mamba"), "mamba"),
        ("vocab_size", serde_json::json!(-4), "`vocab_size`"),
        ("vocab_size", serde_json::json!(1_u64 << 60), "`vocab_size`"),
        ("hidden_size", serde_json::json!(null), "`hidden_size`"),
        ("num_key_value_heads", serde_json::json!(3), "3 key-value heads"),
        ("head_dim", serde_json::json!(5), "`head_dim`"),
        ("rms_norm_eps", serde_json::json!(-1.0), "`rms_norm_eps`"),
        ("attention_bias", serde_json::json!("yes"), "`attention_bias`"),
        ("hidden_act", serde_json::json!("relu6"), "`hidden_act`"),
        ("rope_scaling", serde_json::json!({"rope_type": "dynamic", "factor": 2.0}), "`dynamic`"),
    ];
    for (field, value, expected) in wrong {
        let mut config = good.clone();
        config[field] = value;
        let failure = arch::open(&config).unwrap_err();
        assert!(failure.message.contains(expected), "{field}: {failure}");
    }
}
