//! Opens a model folder for inference: network, weights in the type the device computes in, tokenizer.

use serde_json::Value as Json;

use std::sync::Arc;

use crate::{
    checkpoint::{Weights, convert, folder::ModelFiles},
    failure::Failure,
    model::arch::{self, Network},
    runtime::{Provider, Runtime, SharedWeights},
    tensor::DType,
};

/// A decoder that is ready to be put into sessions.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Its network.
    pub network: Arc<dyn Network>,
    /// Its weights; several sessions share them.
    pub weights: SharedWeights,
    /// The type of weights and activations: f32 on the CPU, bf16 on CUDA.
    pub dtype: DType,
}

impl Decoder {
    /// Opens the model that `files` are of.
    pub fn open(runtime: &Runtime, files: &ModelFiles) -> Result<Self, Failure> {
        let network = arch::open(&Json::Object(files.config()?))?;
        Self::new(runtime, network, files.weights()?)
    }

    /// Puts a network and its weights together; every tensor of the network must be there in its shape.
    pub fn new(runtime: &Runtime, network: Arc<dyn Network>, mut weights: Weights) -> Result<Self, Failure> {
        let mut used = Weights::new();
        for parameter in network.parameters() {
            let tensor = weights.remove(&parameter.name).ok_or_else(|| {
                Failure::input(format!("the checkpoint has no tensor `{}`", parameter.name))
                    .hint("`config.json` and the weights beside it must be of the same model")
            })?;
            if tensor.shape() != parameter.shape {
                let message = format!(
                    "tensor `{}` has shape {:?}; by `config.json` it has {:?}",
                    parameter.name,
                    tensor.shape(),
                    parameter.shape
                );
                return Err(Failure::input(message));
            }
            used.insert(parameter.name, tensor);
        }
        let (dtype, weights) = match runtime.provider() {
            Provider::Cpu => (DType::F32, convert::to_f32(used)?),
            Provider::Cuda(_) => (DType::Bf16, convert::to_bf16(used)),
        };
        Ok(Self { network, weights: SharedWeights::new(weights)?, dtype })
    }

    /// Fails if token ids of a tokenizer with `entries` entries are too many for the embedding.
    pub fn check_vocabulary(&self, entries: usize) -> Result<(), Failure> {
        let vocabulary = self.network.sizes().vocabulary;
        if entries > vocabulary {
            let message =
                format!("the tokenizer has {entries} entries, but the model's embedding only {vocabulary}");
            return Err(Failure::input(message).hint("the tokenizer is of another model"));
        }
        Ok(())
    }
}
