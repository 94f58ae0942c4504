//! Architectures: from `config.json` to a network that can write its forward pass into a graph.
//!
//! One forward definition serves training, scoring and decoding; an explicit [`Mode`] chooses. In [`Mode::Rows`] all
//! tokens of a row are given and every operator has a gradient; in [`Mode::Cached`] keys and values of earlier tokens
//! come from a cache and one fused kernel does rotation and attention.
//!
//! Adding an architecture of this kind: one file that reads its `config.json` into a [`decoder::DecoderConfig`], one row
//! of [`ARCHITECTURES`], and a tiny checkpoint with golden numbers (`tests/golden/architectures.py`). Encoders, which give
//! vectors instead of text, have a network ([`encoder::Encoder`]) and a table ([`ENCODERS`]) of their own.
//!
//! # Invariants
//! - A field of `config.json` is read, known not to change what is computed, or an error that names it.

use std::fmt::Debug;

use crate::{
    checkpoint::stored::StoredWeights,
    failure::Failure,
    graph::{Graph, Value},
    model::{
        layer::attention::{Heads, KeyValue, Lengths},
        parameter::{Parameter, Parameters},
    },
};

pub mod bert;
pub mod cohere;
pub mod cohere2;
pub mod config;
pub mod decoder;
pub mod encoder;
pub mod gemma2;
pub mod gemma3;
pub mod gte;
pub mod llama;
pub mod mistral;
pub mod qwen2;
pub mod qwen3;
pub mod rotary;
mod table;
pub mod xlm_roberta;

pub use table::{ARCHITECTURES, Architecture, ENCODERS, encoder, open, read};

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
    /// Hidden states after the final norm, `[B,T,D]`; in [`Mode::Cached`] those of each row's last token, `[B,1,D]`.
    pub hidden: Value,
    /// The embeddings and what each layer gives, `[B*T,D]`, before the final norm.
    pub states: Vec<Value>,
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

/// Checks that stored weights are those of a network: all of its tensors and no others.
///
/// Two kinds of tensors are in real checkpoints without being weights, and are left aside: rotary frequencies, which old
/// versions of transformers saved, and a second copy of the embedding as head of a network whose head is tied to it.
pub fn check(network: &dyn Network, stored: &StoredWeights) -> Result<(), Failure> {
    let parameters = network.parameters();
    let wanted = parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()));
    stored.check(wanted, |name| name.ends_with(".rotary_emb.inv_freq") || name == "lm_head.weight")
}
