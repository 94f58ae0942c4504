//! `tokenizer`: trains a byte-level BPE tokenizer on texts.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    artifact::{
        TOKENIZER,
        row::{Row, text::Text},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
    token::training::{self, Training},
};

/// Trains a tokenizer.
#[derive(Debug)]
pub enum TokenizerKind {}

/// Settings of `tokenizer`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The texts to train on.
    #[serde(skip_serializing)]
    pub texts: Reference,
    /// Entries of the vocabulary: the three special tokens, the 256 bytes, and as many merges of frequent pairs as fit.
    pub vocabulary_size: usize,
    /// Pairs seen less often than this are not merged.
    #[serde(default = "two")]
    pub min_frequency: u64,
    /// The token that begins a text.
    #[serde(default = "begin")]
    pub begin: String,
    /// The token that ends a text.
    #[serde(default = "end")]
    pub end: String,
    /// The token that fills up rows.
    #[serde(default = "pad")]
    pub pad: String,
}

fn two() -> u64 {
    2
}

fn begin() -> String {
    "<s>".to_owned()
}

fn end() -> String {
    "</s>".to_owned()
}

fn pad() -> String {
    "<pad>".to_owned()
}

impl Kind for TokenizerKind {
    const NAME: &'static str = "tokenizer";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "train a byte-level BPE tokenizer on texts";
    const LOAD: Load = Load::Heavy;
    type Spec = Spec;

    fn ports(spec: &Spec) -> Ports {
        Ports::default().reads("texts", &spec.texts, Text::KIND).writes("tokenizer", TOKENIZER)
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        let mut problems = Vec::new();
        if spec.vocabulary_size < Training::SMALLEST {
            let message = format!("too small for the special tokens and the bytes: {}", spec.vocabulary_size);
            problems.push(Problem::new(
                "vocabulary_size",
                message,
                format!("at least {}", Training::SMALLEST),
            ));
        }
        let mut seen = BTreeSet::new();
        for (field, token) in [("begin", &spec.begin), ("end", &spec.end), ("pad", &spec.pad)] {
            let plain =
                !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c == '$' || c == ':');
            if !plain {
                let message = format!("not a spelling for a special token: `{token}`");
                problems.push(Problem::new(field, message, "no spaces, `$` or `:`, such as `<s>`"));
            }
            if !seen.insert(token) {
                let message = format!("another special token has the same spelling: `{token}`");
                problems.push(Problem::new(field, message, "begin, end and pad must differ"));
            }
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &Spec) -> Result<(), Failure> {
        let texts: Vec<Text> = cx.rows("texts")?;
        if texts.is_empty() {
            return Err(Failure::input("there are no texts to train a tokenizer on"));
        }
        let training = Training {
            vocabulary_size: spec.vocabulary_size,
            min_frequency: spec.min_frequency,
            begin: spec.begin.clone(),
            end: spec.end.clone(),
            pad: spec.pad.clone(),
        };
        let folder = cx.create_folder("tokenizer")?;
        let size = training::train(&folder, texts.iter().map(|text| text.text.as_str()), &training)?;
        if size < spec.vocabulary_size {
            cx.observer.note(&format!(
                "the vocabulary has {size} entries, not {}: the texts have no more frequent pairs",
                spec.vocabulary_size
            ));
        }
        Ok(())
    }
}
