//! Architectures: from `config.json` to a network that can write its forward pass into a graph.
//!
//! One forward definition serves training, scoring and decoding; an explicit [`Mode`] chooses. In [`Mode::Rows`] all
//! tokens of a row are given and every operator has a gradient; in [`Mode::Cached`] keys and values of earlier tokens
//! come from a cache and one fused kernel does rotation and attention.
//!
//! Adding an architecture of this kind: one file that reads its `config.json` into a [`decoder::DecoderConfig`], one row
//! of [`ARCHITECTURES`], and a tiny checkpoint with golden numbers (`tests/golden/architectures.py`).
//!
//! # Invariants
//! - A field of `config.json` is read, known not to change what is computed, or an error that names it.

use std::{fmt::Debug, sync::Arc};

use serde_json::{Map, Value as Json};

use crate::{
    checkpoint::stored::StoredWeights,
    failure::Failure,
    graph::{Graph, Value},
    model::{
        layer::attention::{Heads, KeyValue, Lengths},
        parameter::{Parameter, Parameters},
    },
};

pub mod cohere;
pub mod cohere2;
pub mod config;
pub mod decoder;
pub mod gemma2;
pub mod gemma3;
pub mod llama;
pub mod mistral;
pub mod qwen2;
pub mod qwen3;
pub mod rotary;

use config::Fields;
use decoder::{Decoder, DecoderConfig};

/// What every decoder has, whatever its architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// V: entries of the vocabulary.
    pub vocabulary: usize,
    /// D: width of the hidden states.
    pub width: usize,
    /// Number of layers, each with one key-value cache.
    pub layers: usize,
    /// Attention heads.
    pub heads: Heads,
    /// The longest text the network was made for, in tokens.
    pub positions: usize,
}

/// What the forward pass is given beside the tokens.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Whole rows, differentiable.
    Rows {
        /// Position of each token in its text, i64 `[B,T]`.
        positions: Value,
        /// Which branch each token belongs to, i64 `[B,T]`; see [`crate::model::row`].
        segments: Value,
    },
    /// Tokens that follow those of a key-value cache. With one token per row it is a decode step; where all tokens of a
    /// row are new it is the prefill of a prompt.
    Cached {
        /// The caches of all layers, `[B,K,capacity,E]`. A prefill does not read them.
        past: Vec<KeyValue>,
        /// How far each row has come.
        lengths: Lengths,
    },
}

/// What the forward pass gives.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Hidden states after the final norm, `[B,T,D]`.
    pub hidden: Value,
    /// The caches of all layers with the new tokens in them; empty in [`Mode::Rows`].
    pub present: Vec<KeyValue>,
}

/// A decoder that can write itself into graphs.
pub trait Network: Debug + Send + Sync {
    /// Its sizes.
    fn sizes(&self) -> Sizes;

    /// Every tensor of its checkpoint. A tied head is not listed: it is the embedding.
    fn parameters(&self) -> Vec<Parameter>;

    /// Hidden states of `tokens` i64 `[B,T]`.
    fn forward(&self, g: &mut Graph, weights: &mut dyn Parameters, tokens: Value, mode: &Mode) -> Forward;

    /// Logits of hidden states, `[.., D] -> [.., V]`. Gather the states that are needed first: the head is the largest
    /// matrix.
    fn head(&self, g: &mut Graph, weights: &mut dyn Parameters, hidden: Value) -> Value;
}

/// Reads the `config.json` of one family.
pub type Read = fn(&Fields<'_>) -> Result<DecoderConfig, Failure>;

/// A row of the table of architectures.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// The `model_type` in `config.json`.
    pub model_type: &'static str,
    /// Reads the rest of `config.json`.
    pub read: Read,
}

/// Every architecture.
pub static ARCHITECTURES: &[Architecture] = &[
    Architecture { model_type: "cohere", read: cohere::read },
    Architecture { model_type: "cohere2", read: cohere2::read },
    Architecture { model_type: "gemma2", read: gemma2::read },
    Architecture { model_type: "gemma3_text", read: gemma3::read },
    Architecture { model_type: "llama", read: llama::read },
    Architecture { model_type: "mistral", read: mistral::read },
    Architecture { model_type: "qwen2", read: qwen2::read },
    Architecture { model_type: "qwen3", read: qwen3::read },
];

/// Checks that stored weights are those of a network: all of its tensors and no others.
///
/// Two kinds of tensors are in real checkpoints without being weights, and are left aside: rotary frequencies, which old
/// versions of transformers saved, and a second copy of the embedding as head of a network whose head is tied to it.
pub fn check(network: &dyn Network, stored: &StoredWeights) -> Result<(), Failure> {
    let parameters = network.parameters();
    let wanted = parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()));
    stored.check(wanted, |name| name.ends_with(".rotary_emb.inv_freq") || name == "lm_head.weight")
}

/// The network that a `config.json` describes.
pub fn open(config: &Json) -> Result<Arc<dyn Network>, Failure> {
    Ok(Arc::new(Decoder { config: read(config)? }))
}

/// What a `config.json` describes. Every field that may change what is computed is read, or an error.
pub fn read(config: &Json) -> Result<DecoderConfig, Failure> {
    let map = config.as_object().ok_or_else(|| Failure::input("`config.json` is not an object"))?;
    let model_type = map.get("model_type").and_then(Json::as_str).unwrap_or_default();
    let row = ARCHITECTURES.iter().find(|row| row.model_type == model_type);
    let row = row.ok_or_else(|| unknown(map, model_type))?;
    let fields = Fields::new(map);
    let read = (row.read)(&fields).and_then(|config| fields.finish().map(|()| config));
    read.map_err(|failure| failure.at("`config.json`"))
}

fn unknown(map: &Map<String, Json>, model_type: &str) -> Failure {
    let known: Vec<&str> = ARCHITECTURES.iter().map(|row| row.model_type).collect();
    let known = format!("known architectures: {}", known.join(", "));
    if map.contains_key("text_config") {
        let message =
            format!("`config.json` describes more than a text model: `model_type` is `{model_type}`");
        return Failure::input(message).hint(format!("extract its text model and use that; {known}"));
    }
    Failure::input(format!("unknown architecture in `config.json`: `model_type` is `{model_type}`"))
        .hint(known)
}
