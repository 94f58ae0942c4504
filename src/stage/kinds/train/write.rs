//! Writes what training ends with: the model with its update merged in, the adapter, and the step reports.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ndarray::{ArrayD, IxDyn};

use crate::{
    artifact::row::training_step::TrainingStep,
    checkpoint::{
        Weights,
        adapter::{self as files, AdapterConfig, Module},
        convert,
        folder::{self, LARGEST_SHARD, ModelFiles},
        safetensors::{self, Planned},
        stored::StoredWeights,
    },
    failure::{Cause, Failure, bug},
    model::{
        adapter,
        arch::Network,
        auxiliary::Auxiliary,
        lora::{Lora, Target},
        parameter::Parameter,
    },
    stage::context::Context,
    tensor::Tensor,
    train::{Fitted, graph::Trained, layout::Slot, state::StepRecord},
};

/// Writes the model folder: the files of `base` with the trained weights, in the element type of the base.
pub(super) fn model(
    target: &Path,
    base: &ModelFiles,
    network: &dyn Network,
    trained: &Trained,
    fitted: &Fitted,
) -> Result<(), Failure> {
    match trained {
        Trained::All => all(target, base, network, fitted),
        Trained::Adapters(lora, targets) => {
            let tensors = tensors(fitted);
            let module = |target: &Target| {
                let [a, b] = [target.a(), target.b()].map(|name| Arc::clone(&tensors[&name]));
                (target.path.clone(), Module { a, b, scale: lora.scale() })
            };
            let modules = targets.iter().map(module).collect();
            adapter::write_merged(target, base, network, &modules, None)
        }
    }
}

/// All weights as they were trained.
fn all(target: &Path, base: &ModelFiles, network: &dyn Network, fitted: &Fitted) -> Result<(), Failure> {
    let dtype = StoredWeights::open(base)?.dtype();
    let slots: BTreeMap<&str, &Slot> =
        fitted.layout.slots().iter().map(|slot| (slot.name.as_str(), slot)).collect();
    let planned =
        network.parameters().into_iter().map(|Parameter { name, shape, .. }| Planned { name, dtype, shape });
    let mut make = |name: &str| {
        let slot = slots.get(name).unwrap_or_else(|| bug(format!("`{name}` was not trained")));
        let values = ArrayD::from_shape_vec(IxDyn(&slot.shape), values(fitted, slot).to_vec());
        let values = values.unwrap_or_else(|_| bug("a slot of the wrong size"));
        convert::narrow(values, dtype).map(Arc::new).map_err(|failure| failure.at(format!("tensor `{name}`")))
    };
    folder::write_planned(target, &base.config()?, planned.collect(), LARGEST_SHARD, &mut make)?;
    base.copy_companions(target)
}

/// Writes the model folder: the files of `base` with those of `weights` replaced that were trained.
pub(super) fn replaced(
    target: &Path,
    base: &ModelFiles,
    mut weights: Weights,
    fitted: &Fitted,
) -> Result<(), Failure> {
    weights.extend(tensors(fitted));
    folder::write(target, &base.config()?, &weights)?;
    base.copy_companions(target)
}

/// Writes the adapter folder.
pub(super) fn adapter(
    target: &Path,
    base: &str,
    lora: &Lora,
    targets: &[Target],
    fitted: &Fitted,
) -> Result<(), Failure> {
    let names =
        targets.iter().filter_map(|target| Some(target.path.rsplit('.').next()?.to_owned())).collect();
    let config = AdapterConfig {
        rank_stabilised: lora.rank_stabilised,
        dropout: lora.dropout,
        base_model: base.to_owned(),
        ..AdapterConfig::new(lora.rank, lora.alpha, names)
    };
    files::write(target, &config, &tensors(fitted))
}

/// Writes the step reports.
pub(super) fn steps(cx: &Context<'_>, records: &[StepRecord]) -> Result<(), Failure> {
    let mut rows = cx.write_rows("steps")?;
    for record in records {
        let StepRecord { step, epoch, learning_rate, loss, grad_norm, metrics } = record.clone();
        rows.write(&TrainingStep { step, epoch, learning_rate, loss, grad_norm, metrics })?;
    }
    rows.finish().map(|_| ())
}

fn values<'f>(fitted: &'f Fitted, slot: &Slot) -> &'f [f32] {
    &fitted.trainable[slot.offset..slot.offset + slot.len()]
}

/// Every trained tensor of the model by name.
fn tensors(fitted: &Fitted) -> Weights {
    named(fitted, fitted.layout.of_model())
}

fn named(fitted: &Fitted, slots: &[Slot]) -> Weights {
    let tensor = |slot: &Slot| {
        let tensor = Tensor::f32(&slot.shape, values(fitted, slot).to_vec());
        (slot.name.clone(), Arc::new(tensor.unwrap_or_else(|| bug("a slot of the wrong size"))))
    };
    slots.iter().map(tensor).collect()
}

/// Writes the linear map of an auxiliary term, and of which hidden state it is.
pub(super) fn extractor(
    folder: &Path,
    aux: &Auxiliary,
    layers: usize,
    fitted: &Fitted,
) -> Result<(), Failure> {
    let slots = &fitted.layout.slots()[fitted.layout.of_model().len()..];
    safetensors::write(&folder.join("extractor.safetensors"), &named(fitted, slots))?;
    let facts = serde_json::json!({
        "term": aux.term.name(),
        "layer": aux.depth.layer(layers),
        "final_norm": aux.final_norm,
        "extractor_dim": aux.extractor.map(|extractor| extractor.width),
    });
    let path = folder.join("extractor.json");
    std::fs::write(&path, format!("{facts:#}\n"))
        .map_err(|error| Failure::io(Cause::Store, "write", &path, &error))
}
