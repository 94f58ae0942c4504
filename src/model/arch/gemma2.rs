//! Gemma 2: RMSNorm with a gain of 1 + weight before and behind each sublayer, GeGLU, scaled embeddings, capped scores
//! and logits, a window over every second layer.

use super::{
    config::Fields,
    decoder::{DecoderConfig, Defaults, Residual},
    llama,
};
use crate::{
    failure::Failure,
    model::layer::{Activation, Bias, Norm, NormKind},
};

/// What Gemma 2 and 3 take where `config.json` says nothing.
pub(super) const GEMMA: Defaults = Defaults {
    key_value_heads: Some(4),
    head_width: Some(256),
    positions: 8192,
    activation_field: "hidden_activation",
    activation: Activation::GeluTanh,
    epsilon_field: "rms_norm_eps",
    norm: Norm { kind: NormKind::RmsOffset, epsilon: 1e-6 },
    tied: true,
};

/// The decoder that a Gemma 2 `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<DecoderConfig, Failure> {
    let mut config = DecoderConfig::read(fields, &GEMMA)?;
    config.rotaries = vec![llama::rotary(fields, &config)?];
    gemma(fields, &mut config)?;
    config.score_cap = fields.nullable_positive_or("attn_logit_softcapping", Some(50.0))?;
    config.logit_cap = fields.nullable_positive_or("final_logit_softcapping", Some(30.0))?;
    let windowed = config.windowed(fields, |layer| layer % 2 == 0)?;
    config.set_windows(&windowed, fields.nullable_size_or("sliding_window", 4096)?);
    Ok(config)
}

/// What Gemma 2 and 3 have in common.
pub(super) fn gemma(fields: &Fields<'_>, config: &mut DecoderConfig) -> Result<(), Failure> {
    // An older name of `hidden_activation`, which stands beside it in some files.
    fields.only("hidden_act", &"gelu_pytorch_tanh".into())?;
    fields.only("use_bidirectional_attention", &false.into())?;
    config.residual = Residual::Sandwich;
    let bias = Bias::from(fields.flag_or("attention_bias", false)?);
    (config.attention_bias, config.output_bias) = (bias, bias);
    config.score_scale = fields.positive_or("query_pre_attn_scalar", 256.0)?.powf(-0.5);
    config.embedding_scale = Some((config.width as f64).sqrt());
    Ok(())
}
