//! From `config.json` to rotary frequencies: `default`, `linear`, `ntk`, `llama3` and `yarn`.
//!
//! transformers 4 writes `rope_theta` and `rope_scaling`, transformers 5 `rope_parameters`, flat or by type of layer. All
//! are read, with the precedence that transformers gives them. `dynamic` and `longrope` change with the length of the
//! text, which no fixed table of a cache can follow; they are refused by name.

use std::f64::consts::TAU;

use super::config::Fields;
use crate::{
    failure::Failure,
    model::layer::rope::{Pairs, Rotary},
};

/// What the rotation depends on beside its own fields.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// E: elements of a head.
    pub width: usize,
    /// Base of the frequencies where `config.json` gives none.
    pub theta: f64,
    /// The longest text of the model, in tokens.
    pub positions: usize,
    /// Which elements are turned together.
    pub pairs: Pairs,
}

/// The rotation of all layers.
pub fn read(fields: &Fields<'_>, base: Base) -> Result<Rotary, Failure> {
    let theta = fields.positive_or("rope_theta", base.theta)?;
    fields.only("partial_rotary_factor", &1.into())?;
    let base = Base { theta, ..base };
    // `rope_scaling` wins where both are there.
    let old = fields.table("rope_scaling")?;
    match old.or(fields.table("rope_parameters")?) {
        None => Ok(plain(base)),
        Some(parameters) => scaled(&parameters, base),
    }
}

/// The rotations of layers that see everything and of layers with a window, for networks in which they differ:
/// `rope_theta` and `rope_scaling` are of the former, `rope_local_base_freq` of the latter.
pub fn read_global_and_local(
    fields: &Fields<'_>,
    base: Base,
    local_theta: f64,
) -> Result<[Rotary; 2], Failure> {
    let global = Base { theta: fields.positive_or("rope_theta", base.theta)?, ..base };
    let local = Base { theta: fields.positive_or("rope_local_base_freq", local_theta)?, ..base };
    let old = fields.table("rope_scaling")?;
    let Some(parameters) = fields.table("rope_parameters")? else {
        let global = old.map_or_else(|| Ok(plain(global)), |old| scaled(&old, global))?;
        return Ok([global, plain(local)]);
    };
    let of = |name: &str, base: Base| {
        let found = parameters.table(name)?;
        found.map_or_else(|| Ok(plain(base)), |parameters| scaled(&parameters, base))
    };
    let rotations = [of("full_attention", global)?, of("sliding_attention", local)?];
    parameters.finish()?;
    Ok(rotations)
}

/// The frequencies of Su et al. 2021: `theta^(-2i/E)`.
fn plain(base: Base) -> Rotary {
    let frequencies = (0..base.width / 2).map(|plane| {
        // In f32, step by step as the checkpoints' own implementation rounds.
        let exponent = (2 * plane) as f32 / base.width as f32;
        1.0 / (base.theta as f32).powf(exponent)
    });
    Rotary { frequencies: frequencies.collect(), factor: 1.0, pairs: base.pairs }
}

/// The rotation that one object of parameters describes.
fn scaled(parameters: &Fields<'_>, base: Base) -> Result<Rotary, Failure> {
    let theta = parameters.positive_or("rope_theta", base.theta)?;
    parameters.only("partial_rotary_factor", &1.into())?;
    let base = Base { theta, ..base };
    let old = parameters.text("type")?;
    let rotary = match parameters.text("rope_type")?.or(old).unwrap_or("default") {
        "default" => plain(base),
        "linear" => {
            let factor = need(parameters, "factor")?;
            plain(base).map(|frequency| frequency / factor)
        }
        "ntk" => ntk(parameters, base)?,
        "llama3" => llama3(parameters, base)?,
        "yarn" => yarn(parameters, base)?,
        other => {
            let message = format!("rotary scaling of type `{other}` is not supported (field `rope_type`)");
            return Err(Failure::input(message).hint("supported types: default, linear, ntk, llama3, yarn"));
        }
    };
    parameters.finish()?;
    Ok(rotary)
}

fn need(parameters: &Fields<'_>, name: &str) -> Result<f64, Failure> {
    let missing = || Failure::input(format!("field `{name}` of the rotary scaling is missing"));
    parameters.positive(name)?.ok_or_else(missing)
}

fn original_positions(parameters: &Fields<'_>, base: Base) -> Result<f64, Failure> {
    parameters.positive_or("original_max_position_embeddings", base.positions as f64)
}

/// Fixed NTK-aware scaling as multilingual GTE has it (<https://kexue.fm/archives/9706>): the base times `factor`, so that low
/// frequencies are stretched and high ones hardly, and all of them divided by `factor^(2/E)`.
fn ntk(parameters: &Fields<'_>, base: Base) -> Result<Rotary, Failure> {
    let factor = need(parameters, "factor")?;
    let stretched = plain(Base { theta: base.theta * factor, ..base });
    let divisor = factor.powf(2.0 / base.width as f64);
    Ok(stretched.map(|frequency| frequency / divisor))
}

/// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth passage between.
fn llama3(parameters: &Fields<'_>, base: Base) -> Result<Rotary, Failure> {
    let factor = need(parameters, "factor")?;
    let low = need(parameters, "low_freq_factor")?;
    let high = need(parameters, "high_freq_factor")?;
    let original = original_positions(parameters, base)?;
    if high <= low {
        return Err(Failure::input("field `high_freq_factor` is not larger than `low_freq_factor`"));
    }
    Ok(plain(base).map(|frequency| {
        let wavelength = TAU / frequency;
        let kept = ((original / wavelength - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 - kept) * frequency / factor + kept * frequency
    }))
}

/// YaRN (Peng et al. 2023): planes that turn often in the original length are kept, those that turn seldom are divided
/// by `factor`, with a linear ramp over the planes between; and what is turned is scaled (the paper's temperature).
fn yarn(parameters: &Fields<'_>, base: Base) -> Result<Rotary, Failure> {
    let original = original_positions(parameters, base)?;
    let factor = parameters.positive_or("factor", base.positions as f64 / original)?;
    let scale = parameters.positive("mscale")?.zip(parameters.positive("mscale_all_dim")?);
    let attention = parameters.positive("attention_factor")?;
    let fast = parameters.positive_or("beta_fast", 32.0)?;
    let slow = parameters.positive_or("beta_slow", 1.0)?;
    let truncate = parameters.flag_or("truncate", true)?;

    let width = base.width as f64;
    // The plane that makes `turns` turns in the original length.
    let plane = |turns: f64| width * (original / (turns * TAU)).ln() / (2.0 * base.theta.ln());
    let (mut low, mut high) = (plane(fast), plane(slow));
    if truncate {
        (low, high) = (low.floor(), high.ceil());
    }
    let (low, mut high) = (low.max(0.0), high.min(width - 1.0));
    if low == high {
        high += 0.001;
    }
    let mut rotary = plain(base);
    for (index, frequency) in rotary.frequencies.iter_mut().enumerate() {
        let divided = ((index as f64 - low) / (high - low)).clamp(0.0, 1.0);
        let wide = f64::from(*frequency);
        *frequency = (wide / factor * divided + wide * (1.0 - divided)) as f32;
    }
    let magnitude = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
    let inferred = scale.map_or_else(|| magnitude(1.0), |(part, all)| magnitude(part) / magnitude(all));
    rotary.factor = attention.unwrap_or(inferred) as f32;
    Ok(rotary)
}

impl Rotary {
    fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        self.frequencies.iter_mut().for_each(|frequency| *frequency = change(f64::from(*frequency)) as f32);
        self
    }
}
