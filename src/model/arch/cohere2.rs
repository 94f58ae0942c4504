//! Cohere's second generation (Command R7B, Command A): as the first, with a window over three of four layers, and
//! rotation only there.

use serde_json::json;

use super::{cohere, config::Fields, decoder::DecoderConfig};
use crate::failure::Failure;

/// The decoder that a Cohere2 `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let mut config = cohere::parallel(fields, 10_000.0)?;
    // Fields of published files that say what this architecture always is.
    for (name, value) in [
        ("use_qk_norm", json!(false)),
        ("use_parallel_block", json!(true)),
        ("use_parallel_embedding", json!(false)),
        ("use_gated_activation", json!(true)),
        ("use_embedding_sharing", json!(config.tied)),
        ("position_embedding_type", json!("rope_gptj")),
        ("rotary_pct", json!(1)),
        ("order_of_interleaved_layers", json!("local_attn_first")),
    ] {
        fields.only(name, &value)?;
    }
    let pattern = fields.size_or("sliding_window_pattern", 4)?;
    fields.only("layer_switch", &pattern.into())?;
    let windowed = config.windowed(fields, |layer| (layer + 1) % pattern != 0)?;
    config.set_windows(&windowed, fields.nullable_size_or("sliding_window", 4096)?);
    for layer in &mut config.layers {
        layer.rotary = layer.window.map(|_| 0);
    }
    Ok(config)
}
