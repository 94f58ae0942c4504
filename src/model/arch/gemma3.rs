//! Gemma 3, text only: Gemma 2 with normalised queries and keys instead of capped scores, five layers with a window for
//! each without, and another rotation where there is a window.

use super::{
    config::Fields,
    decoder::{DecoderConfig, Defaults, HeadNorm},
    gemma2::{GEMMA, gemma},
    rotary::{self, Base},
};
use crate::{failure::Failure, model::layer::rope::Pairs};

/// The decoder that a Gemma 3 `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let mut config = DecoderConfig::read(fields, &Defaults { positions: 131_072, ..GEMMA })?;
    gemma(fields, &mut config)?;
    config.head_norm = Some(HeadNorm::Common);
    config.logit_cap = fields.nullable_positive_or("final_logit_softcapping", None)?;
    // The reference implementation reads this field and does nothing with it.
    if let Some(most) = fields.positive("attn_logit_softcapping")? {
        return Err(Failure::input(format!("field `attn_logit_softcapping` is not supported: {most}")));
    }
    let base = Base {
        width: config.heads.width,
        theta: 1_000_000.0,
        positions: config.positions,
        pairs: Pairs::Halves,
    };
    config.rotaries = rotary::read_global_and_local(fields, base, 10_000.0)?.into();
    let pattern = fields.size_or("sliding_window_pattern", 6)?;
    let windowed = config.windowed(fields, |layer| (layer + 1) % pattern != 0)?;
    config.set_windows(&windowed, fields.nullable_size_or("sliding_window", 4096)?);
    for (layer, windowed) in config.layers.iter_mut().zip(windowed) {
        layer.rotary = Some(usize::from(windowed));
    }
    Ok(config)
}
