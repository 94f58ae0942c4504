//! Tokenizers: trained, opened, and text there and back; the kind `tokenizer`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod chat;
mod encoder;
mod tokenizer;
mod training;

use std::path::Path;

use chorale::{
    artifact::{
        Artifact,
        row::{Row, text::Text},
        table::RowWriter,
    },
    stage::kinds::tokenizer::{Spec, TokenizerKind},
};
use serde_json::json;

use crate::support::stage;

/// Texts in many scripts; enough of them for merges.
pub(crate) fn texts() -> Vec<String> {
    let lines = [
        "The capital of France is Paris.",
        "Die Hauptstadt von Deutschland ist Berlin.",
        "日本の首都は東京です。",
        "中国的首都是北京。",
        "عاصمة مصر هي القاهرة.",
        "Mji mkuu wa Kenya ni Nairobi.",
        "L'été à Nîmes: 35 °C 🙂🙂",
    ];
    lines.iter().cycle().take(70).enumerate().map(|(n, line)| format!("{line} ({n})")).collect()
}

/// Settings for a vocabulary of this size.
pub(crate) fn spec(vocabulary_size: usize) -> Spec {
    serde_json::from_value(json!({"texts": "texts", "vocabulary_size": vocabulary_size})).unwrap()
}

/// Runs the kind on [`texts`]; outputs and inputs lie below `folder`.
pub(crate) fn train(folder: &Path, spec: &Spec) -> stage::Outcome {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("texts.jsonl");
    let mut writer = RowWriter::<Text>::create(&path).unwrap();
    for (number, text) in texts().into_iter().enumerate() {
        writer.write(&Text { id: number.to_string(), lang: String::new(), text }).unwrap();
    }
    writer.finish().unwrap();
    let texts = stage::artifact(&path, Text::KIND);
    stage::run::<TokenizerKind>(folder, spec, &[("texts", &texts)], &[]).unwrap()
}

/// A small tokenizer.
pub(crate) fn trained(folder: &Path) -> Artifact {
    train(folder, &spec(400)).outputs["tokenizer"].clone()
}
