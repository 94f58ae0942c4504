//! LoRA adapters as PEFT keeps them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! A module `M` of the network (`model.layers.0.self_attn.q_proj`) has two matrices, `A` `[r, in]` and `B` `[out, r]`;
//! its weight becomes `W + (alpha / r) B A`. Here they are named `M.lora_A.weight` and `M.lora_B.weight`; in files PEFT's
//! prefix `base_model.model.` stands before that.
//!
//! Which modules an adapter changes is read from its tensors, as they are there; `target_modules` says for which modules
//! they were made. What a file asks for that would change numbers in another way is an error that names it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::json;

use super::{
    Weights, config,
    folder::ModelFiles,
    safetensors::{self, StoredFile},
};
use crate::{
    failure::Failure,
    tensor::{DType, Tensor},
};

mod description;

pub use description::{AdapterConfig, Targets};

/// The adapter's description.
pub const CONFIG: &str = "adapter_config.json";
/// The adapter's matrices.
pub const WEIGHTS: &str = "adapter_model.safetensors";

const PREFIX: &str = "base_model.model.";
const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";

/// The change of one module.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// A: f32 `[rank, inputs]`.
    pub a: Arc<Tensor>,
    /// B: f32 `[outputs, rank]`.
    pub b: Arc<Tensor>,
    /// The factor on `B A`.
    pub scale: f64,
}

impl Module {
    /// r: the rank of the change.
    pub fn rank(&self) -> usize {
        self.a.shape()[0]
    }

    /// Width of what goes in.
    pub fn inputs(&self) -> usize {
        self.a.shape()[1]
    }

    /// Width of what comes out.
    pub fn outputs(&self) -> usize {
        self.b.shape()[0]
    }
}

/// An adapter in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// Its description.
    pub config: AdapterConfig,
    /// The changed modules by their path in the network; at least one.
    pub modules: BTreeMap<String, Module>,
}

/// Writes an adapter into an existing folder. `weights` are named as said above.
pub fn write(folder: &Path, adapter: &AdapterConfig, weights: &Weights) -> Result<(), Failure> {
    let ranks: BTreeMap<_, _> = adapter.rank_pattern.iter().cloned().collect();
    let alphas: BTreeMap<_, _> = adapter.alpha_pattern.iter().cloned().collect();
    let fields = json!({
        "alpha_pattern": alphas,
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
        "rank_pattern": ranks,
        "target_modules": adapter.targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": adapter.rank_stabilised,
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    config::write(&folder.join(CONFIG), &fields)?;
    let named = weights.iter().map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor.clone())).collect();
    safetensors::write(&folder.join(WEIGHTS), &named)
}

/// Reads an adapter; its matrices become f32.
pub fn read(files: &ModelFiles) -> Result<Adapter, Failure> {
    let path = files.need(CONFIG)?;
    let config = AdapterConfig::parse(&config::read(path)?)
        .map_err(|failure| failure.at(format!("`{}`", path.display())))?;
    let path = files.need(WEIGHTS)?;
    let file = StoredFile::open(path)?;
    let modules = modules(&config, &file).map_err(|failure| failure.at(format!("`{}`", path.display())))?;
    Ok(Adapter { config, modules })
}

fn modules(config: &AdapterConfig, file: &StoredFile) -> Result<BTreeMap<String, Module>, Failure> {
    let mut paths = Vec::new();
    for name in file.tensors().keys() {
        let inside = name.strip_prefix(PREFIX).ok_or_else(|| {
            Failure::input(format!("tensor `{name}` of the adapter does not begin with `{PREFIX}`"))
        })?;
        if let Some(path) = inside.strip_suffix(A) {
            paths.push(path);
        } else if inside.strip_suffix(B).is_none_or(|path| !file.tensors().contains_key(&named(path, A))) {
            let message = format!("tensor `{name}` is no matrix A or B of a LoRA adapter, or is alone");
            return Err(Failure::input(message).hint("only plain LoRA on linear layers is supported"));
        }
    }
    if paths.is_empty() {
        return Err(Failure::input("the adapter holds no matrices"));
    }
    paths.into_iter().map(|path| Ok((path.to_owned(), module(config, file, path)?))).collect()
}

/// The name of a matrix in the file.
fn named(path: &str, matrix: &str) -> String {
    format!("{PREFIX}{path}{matrix}")
}

fn module(config: &AdapterConfig, file: &StoredFile, path: &str) -> Result<Module, Failure> {
    let (rank, scale) = config.of_module(path)?;
    let matrix = |matrix: &str, axis: usize| {
        let name = named(path, matrix);
        let stored = file.tensors().get(&name).ok_or_else(|| {
            Failure::input(format!("tensor `{name}` is missing, but its other half is there"))
        })?;
        if stored.shape.len() != 2 || stored.shape[axis] != rank || stored.shape.contains(&0) {
            let message =
                format!("tensor `{name}` has shape {:?}; by `{CONFIG}` its rank is {rank}", stored.shape);
            return Err(Failure::input(message));
        }
        Ok(Arc::new(file.tensor(&name, Some(DType::F32))?))
    };
    Ok(Module { a: matrix(A, 0)?, b: matrix(B, 1)?, scale })
}
