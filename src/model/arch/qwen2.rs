//! Qwen2 and Qwen2.5: Llama with biases on queries, keys and values, and, if asked for, a window over the upper layers.

use super::{
    config::Fields,
    decoder::{DecoderConfig, Defaults},
    llama,
};
use crate::{failure::Failure, model::layer::Bias};

/// The decoder that a Qwen2 `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let defaults = Defaults { key_value_heads: Some(32), positions: 32_768, ..Defaults::LLAMA };
    let mut config = DecoderConfig::read(fields, &defaults)?;
    config.rotaries = vec![llama::rotary(fields, &config)?];
    config.attention_bias = Bias::Yes;
    upper_windows(fields, &mut config)?;
    fields.only("use_mrope", &false.into())?;
    Ok(config)
}

/// The windows of Qwen models: where `use_sliding_window` is set, of the layers from `max_window_layers` on.
pub(super) fn upper_windows(fields: &Fields<'_>, config: &mut DecoderConfig) -> Result<(), Failure> {
    let used = fields.flag_or("use_sliding_window", false)?;
    let window = fields.nullable_size_or("sliding_window", 4096)?.filter(|_| used);
    let first = fields.whole_or("max_window_layers", 28)?;
    let windowed = config.windowed(fields, |layer| layer >= first)?;
    config.set_windows(&windowed, window);
    Ok(())
}
