//! Multilingual GTE, whose model type is `new`: BERT with rotated positions, a gated feed-forward layer, and queries, keys
//! and values in one matrix.

use serde_json::json;

use super::{
    config::Fields,
    encoder::{EncoderConfig, Gate, NEW, Places},
    rotary::{self, Base},
};
use crate::{failure::Failure, model::layer::rope::Pairs};

/// The encoder that a `config.json` of model type `new` describes.
pub fn read(fields: &Fields<'_>) -> Result<EncoderConfig, Failure> {
    for (name, value) in [
        ("position_embedding_type", json!("rope")),
        ("layer_norm_type", json!("layer_norm")),
        ("pack_qkv", json!(true)),
        ("logn_attention_scale", json!(false)),
        ("logn_attention_clip1", json!(false)),
    ] {
        fields.only(name, &value)?;
    }
    // How its own implementation computes, not what.
    for name in ["unpad_inputs", "use_memory_efficient_attention", "auto_map"] {
        fields.get(name);
    }
    let mut config = EncoderConfig::read(fields)?;
    let base = Base {
        width: config.heads.width,
        theta: 10_000.0,
        positions: config.positions,
        pairs: Pairs::Halves,
    };
    config.places = Places::Rotated(rotary::read(fields, base)?);
    config.gate = Gate::Yes;
    config.paths = &NEW;
    Ok(config)
}
