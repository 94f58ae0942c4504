//! The Llama family, 1 to 3.2: RMSNorm before each sublayer, rotary positions, grouped query heads, SwiGLU, head tied or
//! not; optionally biases.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{
    Network,
    config::Fields,
    decoder::{DecoderConfig, Defaults},
    rotary::{self, Base},
};
use crate::{
    failure::Failure,
    model::layer::{
        Bias,
        attention::Heads,
        rope::{Pairs, Rotary},
    },
};

/// The decoder that a Llama `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let mut config = DecoderConfig::read(fields, &Defaults::LLAMA)?;
    config.rotaries = vec![rotary(fields, &config)?];
    let bias = Bias::from(fields.flag_or("attention_bias", false)?);
    (config.attention_bias, config.output_bias) = (bias, bias);
    config.feed_forward.bias = fields.flag_or("mlp_bias", false)?.into();
    Ok(config)
}

/// Rotation of the halves of all heads, as Llama and its descendants have it.
pub(super) fn rotary(fields: &Fields<'_>, config: &DecoderConfig) -> Result<Rotary, Failure> {
    let base = Base {
        width: config.heads.width,
        theta: 10_000.0,
        positions: config.positions,
        pairs: Pairs::Halves,
    };
    rotary::read(fields, base)
}

/// The shape of a Llama that is made from scratch.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// V: entries of the vocabulary.
    pub vocabulary: usize,
    /// D: width of the hidden states.
    pub width: usize,
    /// Units of the feed-forward layers.
    pub inner: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: Heads,
    /// The longest text, in tokens.
    pub positions: usize,
    /// What RMSNorm adds to the mean square.
    pub norm_epsilon: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Whether the head is the embedding table.
    pub tied: bool,
}

impl LlamaConfig {
    /// The network of that shape.
    pub fn network(&self) -> Result<Arc<dyn Network>, Failure> {
        super::open(&Json::Object(self.to_json()))
    }

    /// The fields of `config.json` that describe the network; token ids and such are the caller's.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Json| fields.insert(name.to_owned(), value);
        set("architectures", json!(["LlamaForCausalLM"]));
        set("model_type", json!("llama"));
        set("vocab_size", json!(self.vocabulary));
        set("hidden_size", json!(self.width));
        set("intermediate_size", json!(self.inner));
        set("num_hidden_layers", json!(self.layers));
        set("num_attention_heads", json!(self.heads.query));
        set("num_key_value_heads", json!(self.heads.key_value));
        set("head_dim", json!(self.heads.width));
        set("max_position_embeddings", json!(self.positions));
        set("rms_norm_eps", json!(self.norm_epsilon));
        set("rope_theta", json!(self.rope_theta));
        set("tie_word_embeddings", json!(self.tied));
        set("hidden_act", json!("silu"));
        set("attention_bias", json!(false));
        set("mlp_bias", json!(false));
        fields
    }
}
