//! A LoRA adapter on a network: checked against it, put beside its layers in a graph, merged into its weights.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    arch::Network,
    lora::{self, Adapted, Target},
    parameter::{Initializers, Parameter},
};
use crate::{
    checkpoint::{
        Weights,
        adapter::Module,
        convert,
        folder::{self, LARGEST_SHARD, ModelFiles},
        safetensors::Planned,
        stored::StoredWeights,
    },
    failure::{Failure, bug},
    graph::Graph,
    tensor::{DType, Tensor},
};

/// The changed layers of a network, each with its change. A module that is no linear layer of the network, or one of other
/// extents, is an error that names it.
pub fn on_network(
    modules: &BTreeMap<String, Module>,
    parameters: &[Parameter],
) -> Result<Vec<(Target, Module)>, Failure> {
    let mut layers = lora::linear_layers(parameters);
    let find = |(path, module): (&String, &Module)| {
        let hint = "the adapter belongs to another model";
        let Some(place) = layers.iter().position(|layer| layer.path == *path) else {
            let message = format!("the adapter changes `{path}`, which is no linear layer of the model");
            return Err(Failure::input(message).hint(hint));
        };
        let layer = layers.swap_remove(place);
        if (module.inputs(), module.outputs()) != (layer.inputs, layer.outputs) {
            let message = format!(
                "the adapter changes `{path}` as a layer of {} inputs and {} outputs, but it has {} and {}",
                module.inputs(),
                module.outputs(),
                layer.inputs,
                layer.outputs
            );
            return Err(Failure::input(message).hint(hint));
        }
        Ok((layer, module.clone()))
    };
    modules.iter().map(find).collect()
}

/// The matrices of an adapter as weights of a graph, by the names of [`beside`]. The factor on `B A` is in B.
pub fn weights(layers: &[(Target, Module)]) -> Weights {
    let both = |(target, module): &(Target, Module)| {
        let Tensor::F32(b) = &*module.b else { bug("an adapter's matrices are f32") };
        let scaled = b.mapv(|value| (f64::from(value) * module.scale) as f32);
        [(target.a(), Arc::clone(&module.a)), (target.b(), Arc::new(Tensor::F32(scaled)))]
    };
    layers.iter().flat_map(both).collect()
}

/// The weights of a graph with an adapter beside them, whose matrices are initializers too.
pub fn beside(g: &mut Graph, base: Initializers, layers: &[(Target, Module)]) -> Adapted<Initializers> {
    let both = |(target, module): &(Target, Module)| {
        let a = g.initializer(&target.a(), DType::F32, &[module.rank(), target.inputs]);
        let b = g.initializer(&target.b(), DType::F32, &[target.outputs, module.rank()]);
        (target.weight(), [a, b])
    };
    let matrices = layers.iter().map(both).collect();
    Adapted::new(base, matrices, 1.0)
}

/// Writes the model folder of `base` with an adapter merged in, in the element type `dtype` or the one most weights of the
/// base are stored in. Sums are taken in f32 and rounded once. One tensor is in memory at a time; the tokenizer's and all
/// other companion files are copied as they are.
pub fn write_merged(
    target: &Path,
    base: &ModelFiles,
    network: &dyn Network,
    modules: &BTreeMap<String, Module>,
    dtype: Option<DType>,
) -> Result<(), Failure> {
    let stored = StoredWeights::open(base)?;
    super::arch::check(network, &stored)?;
    let parameters = network.parameters();
    let layers = on_network(modules, &parameters)?;
    let changes: BTreeMap<String, &Module> =
        layers.iter().map(|(layer, module)| (layer.weight(), module)).collect();
    let dtype = dtype.unwrap_or_else(|| stored.dtype());
    let planned = parameters.into_iter().map(|Parameter { name, shape, .. }| Planned { name, dtype, shape });
    let mut make = |name: &str| {
        let Some(module) = changes.get(name) else { return stored.tensor(name, Some(dtype)).map(Arc::new) };
        let merged = merged(stored.tensor(name, Some(DType::F32))?, module);
        convert::narrow(merged, dtype).map(Arc::new).map_err(|failure| failure.at(format!("tensor `{name}`")))
    };
    folder::write_planned(target, &base.config()?, planned.collect(), LARGEST_SHARD, &mut make)?;
    base.copy_companions(target)
}

/// `W + scale * B A`.
fn merged(weight: Tensor, module: &Module) -> ndarray::ArrayD<f32> {
    let Tensor::F32(mut weight) = weight else { bug("weights are read as f32 here") };
    let matrix = weight.as_slice_mut().unwrap_or_else(|| bug("weights are row-major"));
    let (Some(a), Some(b)) = (module.a.as_f32(), module.b.as_f32()) else {
        bug("an adapter's matrices are f32")
    };
    lora::merge(matrix, a, b, module.rank(), module.scale as f32);
    weight
}
