//! Writes what training ends with: the model with its update merged in, the adapter, and the step reports.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    artifact::row::training_step::TrainingStep,
    checkpoint::{
        Weights,
        adapter::{self, AdapterConfig},
        convert,
        folder::{self, ModelFiles},
    },
    failure::{Failure, bug},
    model::{
        arch::Network,
        lora::{self, Lora, Target},
    },
    stage::context::Context,
    tensor::Tensor,
    train::{Fitted, graph::Trained, layout::Slot, state::StepRecord},
};

/// Writes the model folder: the files of `base` with the trained weights.
pub(super) fn model(
    target: &Path,
    base: &ModelFiles,
    network: &dyn Network,
    trained: &Trained,
    fitted: &Fitted,
) -> Result<(), Failure> {
    let weights = match trained {
        Trained::All => tensors(fitted),
        Trained::Adapters(lora, targets) => merged(convert::to_f32(base.weights()?)?, lora, targets, fitted)?,
    };
    let named: Weights = network
        .parameters()
        .into_iter()
        .map(|parameter| {
            let tensor = weights.get(&parameter.name).cloned().ok_or_else(|| missing(&parameter.name))?;
            Ok((parameter.name, tensor))
        })
        .collect::<Result<_, Failure>>()?;
    folder::write(target, &base.config()?, &named)?;
    base.copy_companions(target)
}

fn missing(name: &str) -> Failure {
    Failure::input(format!("the model has no tensor `{name}`"))
}

/// Writes the adapter folder.
pub(super) fn adapter(
    target: &Path,
    base: &str,
    lora: &Lora,
    targets: &[Target],
    fitted: &Fitted,
) -> Result<(), Failure> {
    let mut names: Vec<String> =
        targets.iter().filter_map(|target| Some(target.path.rsplit('.').next()?.to_owned())).collect();
    names.sort_unstable();
    names.dedup();
    let config = AdapterConfig {
        rank: lora.rank,
        alpha: lora.alpha,
        rank_stabilised: lora.rank_stabilised,
        dropout: lora.dropout,
        targets: names,
        base_model: base.to_owned(),
    };
    adapter::write(target, &config, &tensors(fitted))
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

/// Every trained tensor by name.
fn tensors(fitted: &Fitted) -> Weights {
    let tensor = |slot: &Slot| {
        let tensor = Tensor::f32(&slot.shape, values(fitted, slot).to_vec());
        (slot.name.clone(), Arc::new(tensor.unwrap_or_else(|| bug("a slot of the wrong size"))))
    };
    fitted.layout.slots().iter().map(tensor).collect()
}

/// The base weights with the adapters added.
fn merged(
    mut weights: Weights,
    lora: &Lora,
    targets: &[Target],
    fitted: &Fitted,
) -> Result<Weights, Failure> {
    let slots: BTreeMap<&str, &Slot> =
        fitted.layout.slots().iter().map(|slot| (slot.name.as_str(), slot)).collect();
    for target in targets {
        let name = target.weight();
        let tensor = weights.remove(&name).ok_or_else(|| missing(&name))?;
        let Tensor::F32(mut array) = Arc::unwrap_or_clone(tensor) else { bug("weights are f32 here") };
        let [a, b] = [target.a(), target.b()].map(|name| values(fitted, slots[name.as_str()]));
        let matrix = array.as_slice_mut().unwrap_or_else(|| bug("weights are row-major"));
        lora::merge(matrix, a, b, lora.rank, lora.scale() as f32);
        weights.insert(name, Arc::new(Tensor::F32(array)));
    }
    Ok(weights)
}
