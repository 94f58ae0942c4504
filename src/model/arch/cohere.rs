//! Cohere's Command R and Aya: LayerNorm without bias, attention and feed-forward layer side by side, rotation of
//! neighbours, scaled logits, the head always in the embedding's shape and usually the embedding itself.

use super::{
    config::Fields,
    decoder::{DecoderConfig, Defaults, HeadNorm, Residual},
    rotary::{self, Base},
};
use crate::{
    failure::Failure,
    model::layer::{Bias, Norm, NormKind, rope::Pairs},
};

/// The decoder that a Cohere `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let mut config = parallel(fields, 500_000.0)?;
    config.head_norm = fields.flag_or("use_qk_norm", false)?.then_some(HeadNorm::Each);
    Ok(config)
}

/// What both generations have in common.
pub(super) fn parallel(fields: &Fields<'_>, theta: f64) -> Result<DecoderConfig, Failure> {
    let defaults = Defaults {
        positions: 8192,
        epsilon_field: "layer_norm_eps",
        norm: Norm { kind: NormKind::Layer, epsilon: 1e-5 },
        tied: true,
        ..Defaults::LLAMA
    };
    let mut config = DecoderConfig::read(fields, &defaults)?;
    let base =
        Base { width: config.heads.width, theta, positions: config.positions, pairs: Pairs::Neighbours };
    config.rotaries = vec![rotary::read(fields, base)?];
    config.residual = Residual::Parallel;
    let bias = Bias::from(fields.flag_or("attention_bias", false)?);
    (config.attention_bias, config.output_bias) = (bias, bias);
    config.logit_scale = Some(fields.positive_or("logit_scale", 0.0625)?);
    Ok(config)
}
