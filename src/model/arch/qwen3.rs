//! Qwen3: Llama with normalised queries and keys, and, if asked for, a window over the upper layers.

use super::{
    config::Fields,
    decoder::{DecoderConfig, Defaults, HeadNorm},
    llama, qwen2,
};
use crate::{failure::Failure, model::layer::Bias};

/// The decoder that a Qwen3 `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let defaults =
        Defaults { key_value_heads: Some(32), head_width: Some(128), positions: 32_768, ..Defaults::LLAMA };
    let mut config = DecoderConfig::read(fields, &defaults)?;
    config.rotaries = vec![llama::rotary(fields, &config)?];
    config.head_norm = Some(HeadNorm::Common);
    let bias = Bias::from(fields.flag_or("attention_bias", false)?);
    (config.attention_bias, config.output_bias) = (bias, bias);
    qwen2::upper_windows(fields, &mut config)?;
    Ok(config)
}
