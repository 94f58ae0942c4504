//! Encoders for embeddings: every token sees every token, no cache, norms behind the sums. As with decoders, one network
//! with parts that are there or not; a family is a file that reads its `config.json` into an [`EncoderConfig`].
//!
//! # Decisions
//! - Whether a checkpoint's names begin with `bert.` or the like depends on what class saved it, which `config.json` does
//!   not reliably say; so the prefix is found among the names of the tensors ([`Encoder::located`]).

mod network;
mod tensors;

use serde_json::json;

use super::config::Fields;
use crate::{
    failure::Failure,
    model::layer::{Activation, Norm, NormKind, attention::Heads, rope::Rotary},
};

pub use network::{Encoder, Inputs};
pub use tensors::{BERT, NEW, Paths};

/// An encoder in full.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// V: entries of the vocabulary.
    pub vocabulary: usize,
    /// D: width of the hidden states.
    pub width: usize,
    /// Units of the feed-forward layers.
    pub inner: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; as many for keys and values as for queries.
    pub heads: Heads,
    /// The longest text, in tokens.
    pub positions: usize,
    /// How a token's position enters.
    pub places: Places,
    /// Kinds of tokens (first and second text of a pair) that have a vector each; 0 if there is no such table.
    pub types: usize,
    /// The normalisation, which has a bias.
    pub norm: Norm,
    /// Of the feed-forward layers.
    pub activation: Activation,
    /// Whether the feed-forward layers have a gate.
    pub gate: Gate,
    /// What the checkpoint calls its tensors.
    pub paths: &'static Paths,
}

/// How a token's position enters.
#[derive(Clone, Debug, PartialEq)]
pub enum Places {
    /// A vector per position, added to the token's; position 0 has row `first` of `rows`.
    Learned {
        /// Rows of the table.
        rows: usize,
        /// The row of the first position.
        first: usize,
    },
    /// Queries and keys are rotated.
    Rotated(Rotary),
}

/// Whether the feed-forward layers have a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// `down(activation(up(x)))`
    No,
    /// `down(activation(gate(x)) * up(x))`; gate and up are one matrix without bias.
    Yes,
}

/// No network has more layers.
const MOST_LAYERS: usize = 4096;

impl EncoderConfig {
    /// Reads what all families have; positions, gate and names are BERT's, for the family to change.
    pub fn read(fields: &Fields<'_>) -> Result<Self, Failure> {
        let width = fields.size("hidden_size")?;
        let heads = fields.size("num_attention_heads")?;
        if width % heads != 0 || (width / heads) % 2 != 0 {
            let message = format!(
                "{heads} heads do not divide a `hidden_size` of {width} into even parts (field `num_attention_heads`)"
            );
            return Err(Failure::input(message));
        }
        for (name, value) in [
            ("is_decoder", json!(false)),
            ("add_cross_attention", json!(false)),
            ("tie_word_embeddings", json!(true)),
        ] {
            fields.only(name, &value)?;
        }
        let rows = fields.size_or("max_position_embeddings", 512)?;
        let name = fields.text("hidden_act")?.unwrap_or("gelu");
        let activation = Activation::find(name)
            .ok_or_else(|| Failure::input(format!("field `hidden_act` is not supported: `{name}`")))?;
        Ok(Self {
            vocabulary: fields.size("vocab_size")?,
            width,
            inner: fields.size("intermediate_size")?,
            layers: fields.size_up_to("num_hidden_layers", MOST_LAYERS)?,
            heads: Heads { query: heads, key_value: heads, width: width / heads },
            positions: rows,
            places: Places::Learned { rows, first: 0 },
            types: fields.whole_or("type_vocab_size", 2)?,
            norm: Norm { kind: NormKind::Layer, epsilon: fields.positive_or("layer_norm_eps", 1e-12)? },
            activation,
            gate: Gate::No,
            paths: &BERT,
        })
    }
}
