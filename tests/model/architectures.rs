//! Every architecture of the table against transformers (`tests/golden/architectures.py`).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fs, sync::Arc};

use chorale::{
    checkpoint::{folder::ModelFiles, safetensors},
    decode::{generate::CachedModel, load::Decoder, slots::Slots},
    model::arch::ARCHITECTURES,
    tensor::Tensor,
};
use serde::Deserialize;

use super::{
    assert_close,
    forward::{greedy, row_session, text_logits},
    tiny::golden,
};
use crate::runtime::runtime;

#[derive(Deserialize)]
struct Golden {
    prompts: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
}

struct Case {
    name: &'static str,
    decoder: Decoder,
    golden: Golden,
    tensors: BTreeMap<String, Arc<Tensor>>,
}

/// The golden checkpoint of every row of the table; one without is an error.
fn cases() -> Vec<Case> {
    let open = |name: &'static str| {
        let folder = golden(&format!("architectures/{name}"));
        assert!(folder.join("golden.json").exists(), "there is no golden checkpoint of {name}");
        let json = fs::read(folder.join("golden.json")).unwrap();
        Case {
            name,
            decoder: Decoder::open(runtime(), &ModelFiles::in_folder(&folder).unwrap()).unwrap(),
            golden: serde_json::from_slice(&json).unwrap(),
            tensors: safetensors::read(&folder.join("golden.safetensors")).unwrap(),
        }
    };
    let cases: Vec<Case> = ARCHITECTURES.iter().map(|row| open(row.model_type)).collect();
    assert!(cases.len() >= 8);
    cases
}

#[test]
fn logits_are_those_of_transformers() {
    for case in cases() {
        let mut session = row_session(&case.decoder);
        assert_eq!(case.golden.prompts.len(), 4);
        for (index, prompt) in case.golden.prompts.iter().enumerate() {
            let expected = case.tensors[&format!("logits.{index}")].as_f32().unwrap();
            let got = text_logits(&mut session, prompt);
            assert_close(&format!("{}: prompt {index}", case.name), &got, expected);
        }
    }
}

#[test]
fn greedy_text_is_that_of_transformers() {
    for case in cases() {
        for (prompt, expected) in case.golden.prompts.iter().zip(&case.golden.greedy) {
            assert_eq!(expected.len(), 32);
            let got = greedy(&case.decoder, prompt, expected.len());
            assert_eq!(got, *expected, "{} after {} tokens", case.name, prompt.len());
        }
    }
}

/// Windows, caps, factors and rotations are written twice, for rows and for the kernel of the cache.
#[test]
fn decoding_with_a_cache_agrees_with_whole_rows() {
    for case in cases() {
        let text = &case.golden.prompts[3];
        let vocabulary = case.decoder.network.sizes().vocabulary;
        let expected = text_logits(&mut row_session(&case.decoder), text);
        let mut slots = Slots::new(runtime(), &case.decoder, 2, 64).unwrap();
        let first = 11;
        let logits = slots.prefill(&text[..first]).unwrap();
        assert_close(case.name, &logits, &expected[(first - 1) * vocabulary..first * vocabulary]);
        slots.place(1).unwrap();
        for position in first..text.len() {
            slots.step(&[7, text[position]], &[0, position]).unwrap();
            slots.with_logits(&mut |logits| {
                let own = &expected[position * vocabulary..(position + 1) * vocabulary];
                assert_close(&format!("{} at {position}", case.name), &logits[vocabulary..], own);
            });
        }
    }
}
