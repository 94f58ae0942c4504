//! LoRA adapters as PEFT keeps them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! A module `M` of the network (`model.layers.0.self_attn.q_proj`) has two matrices, `A` `[r, in]` and `B` `[out, r]`;
//! its weight becomes `W + (alpha / r) B A`. Here they are named `M.lora_A.weight` and `M.lora_B.weight`; in files PEFT's
//! prefix `base_model.model.` stands before that.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::{Weights, config, folder::ModelFiles, safetensors};
use crate::failure::Failure;

/// The adapter's description.
pub const CONFIG: &str = "adapter_config.json";
/// The adapter's matrices.
pub const WEIGHTS: &str = "adapter_model.safetensors";

const PREFIX: &str = "base_model.model.";

/// What an adapter changes, and how strongly.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    /// r: the rank of the change.
    pub rank: usize,
    /// alpha: the change is scaled by alpha / r, or by alpha / sqrt(r) if `rank_stabilised`.
    pub alpha: f64,
    /// Whether the scale falls with the root of the rank only (`use_rslora`).
    pub rank_stabilised: bool,
    /// The share of inputs that were dropped in training; means nothing to who uses the adapter.
    pub dropout: f64,
    /// The last part of the changed modules' names, like `q_proj`.
    pub targets: Vec<String>,
    /// The model it belongs to, for people and tools.
    pub base_model: String,
}

/// Writes an adapter into an existing folder.
pub fn write(folder: &Path, adapter: &AdapterConfig, weights: &Weights) -> Result<(), Failure> {
    let mut targets = adapter.targets.clone();
    targets.sort();
    let fields = json!({
        "base_model_name_or_path": adapter.base_model,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": adapter.alpha,
        "lora_dropout": adapter.dropout,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": adapter.rank,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": adapter.rank_stabilised,
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    config::write(&folder.join(CONFIG), &fields)?;
    let named = weights.iter().map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor.clone())).collect();
    safetensors::write(&folder.join(WEIGHTS), &named)
}

/// Reads an adapter.
pub fn read(files: &ModelFiles) -> Result<(AdapterConfig, Weights), Failure> {
    let path = files.need(CONFIG)?;
    let adapter =
        parse(&config::read(path)?).map_err(|failure| failure.at(format!("`{}`", path.display())))?;
    let mut weights = Weights::new();
    for (name, tensor) in safetensors::read(files.need(WEIGHTS)?)? {
        let Some(name) = name.strip_prefix(PREFIX) else {
            return Err(Failure::input(format!(
                "tensor `{name}` of the adapter does not begin with `{PREFIX}`"
            )));
        };
        weights.insert(name.to_owned(), tensor);
    }
    Ok((adapter, weights))
}

fn parse(fields: &Map<String, Json>) -> Result<AdapterConfig, Failure> {
    let wrong = |name: &str| {
        let value = fields.get(name).unwrap_or(&Json::Null);
        Failure::input(format!("field `{name}` is missing or not supported: {value}"))
    };
    if fields.get("peft_type").and_then(Json::as_str) != Some("LORA") {
        return Err(wrong("peft_type"));
    }
    for name in ["use_dora", "fan_in_fan_out"] {
        if !matches!(fields.get(name), None | Some(Json::Null | Json::Bool(false))) {
            return Err(wrong(name));
        }
    }
    if !matches!(fields.get("bias").map(Json::as_str), None | Some(Some("none"))) {
        return Err(wrong("bias"));
    }
    for name in ["modules_to_save", "rank_pattern", "alpha_pattern"] {
        let empty = match fields.get(name) {
            None | Some(Json::Null) => true,
            Some(Json::Object(table)) => table.is_empty(),
            Some(Json::Array(list)) => list.is_empty(),
            Some(_) => false,
        };
        if !empty {
            return Err(wrong(name));
        }
    }
    let rank = fields.get("r").and_then(Json::as_u64).filter(|rank| *rank > 0).ok_or_else(|| wrong("r"))?;
    let rank_stabilised = match fields.get("use_rslora") {
        None | Some(Json::Null) => false,
        Some(Json::Bool(flag)) => *flag,
        Some(_) => return Err(wrong("use_rslora")),
    };
    let dropout = fields.get("lora_dropout").and_then(Json::as_f64).unwrap_or(0.0);
    let alpha = fields.get("lora_alpha").and_then(Json::as_f64).filter(|alpha| alpha.is_finite());
    let targets = fields.get("target_modules").and_then(Json::as_array).map(|names| {
        names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    Ok(AdapterConfig {
        rank: rank as usize,
        alpha: alpha.ok_or_else(|| wrong("lora_alpha"))?,
        rank_stabilised,
        dropout,
        targets: targets.flatten().ok_or_else(|| wrong("target_modules"))?,
        base_model: fields
            .get("base_model_name_or_path")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned(),
    })
}
