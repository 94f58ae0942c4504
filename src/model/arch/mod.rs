//! Architectures: from `config.json` to a network that can write its forward pass into a graph.
//!
//! One forward definition serves training, scoring and decoding; an explicit [`Mode`] chooses. In [`Mode::Rows`] all
//! tokens of a row are given and every operator has a gradient; in [`Mode::Cached`] keys and values of earlier tokens
//! come from a cache and one fused kernel does rotation and attention.
//!
//! Adding an architecture: one file with an implementation of [`Network`], one row of [`ARCHITECTURES`], and a tiny
//! checkpoint with golden logits and one greedy text under `tests/`.

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

pub mod config;
pub mod llama;

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

/// Reads the fields of a `config.json` that describe the network.
pub type Open = fn(&Map<String, Json>) -> Result<Arc<dyn Network>, Failure>;

/// A row of the table of architectures.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// The `model_type` in `config.json`.
    pub model_type: &'static str,
    /// Reads the rest of `config.json`.
    pub open: Open,
}

/// Every architecture.
pub static ARCHITECTURES: &[Architecture] = &[Architecture { model_type: "llama", open: llama::open }];

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
    let fields = config.as_object().ok_or_else(|| Failure::input("`config.json` is not an object"))?;
    let model_type = fields.get("model_type").and_then(Json::as_str).unwrap_or_default();
    let known = || ARCHITECTURES.iter().map(|row| row.model_type).collect::<Vec<_>>().join(", ");
    let row = ARCHITECTURES.iter().find(|row| row.model_type == model_type).ok_or_else(|| {
        Failure::input(format!("unknown architecture in `config.json`: `model_type` is `{model_type}`"))
            .hint(format!("known architectures: {}", known()))
    })?;
    (row.open)(fields).map_err(|failure| failure.at("`config.json`"))
}
