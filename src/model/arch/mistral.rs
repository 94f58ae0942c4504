//! Mistral: Llama, with a window over all layers (7B v0.1) or without (later ones).

use super::{
    config::Fields,
    decoder::{DecoderConfig, Defaults},
    llama,
};
use crate::failure::Failure;

/// What transformers takes where the field is missing; null means no window.
const USUAL_WINDOW: usize = 4096;

/// The decoder that a Mistral `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let defaults = Defaults { key_value_heads: Some(8), positions: 131_072, ..Defaults::LLAMA };
    let mut config = DecoderConfig::read(fields, &defaults)?;
    config.rotaries = vec![llama::rotary(fields, &config)?];
    let window = fields.nullable_size_or("sliding_window", USUAL_WINDOW)?;
    let all = vec![true; config.layers.len()];
    config.set_windows(&all, window);
    Ok(config)
}
