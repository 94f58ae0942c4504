//! Opens a model folder for inference: network, weights in the type the device computes in.

use std::{path::Path, sync::Arc};

use serde_json::Value as Json;

use crate::{
    checkpoint::{
        Weights,
        adapter::{self, Module},
        convert,
        folder::ModelFiles,
        stored::StoredWeights,
    },
    failure::Failure,
    graph::Graph,
    model::{
        self,
        arch::{self, Network},
        lora::Target,
        parameter::{Initializers, Parameter, Parameters},
    },
    runtime::{Provider, Runtime, SharedWeights, WeightSource},
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
    /// The layers that an adapter changes.
    adapted: Arc<[(Target, Module)]>,
}

/// How many rows the matrices of a graph are mostly applied to: tokens of all texts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Up to about a hundred, as in decoding.
    Few,
    /// More, as in scoring and training.
    Many,
}

/// Weights of up to this many bytes are rearranged for decoding.
const MOST_PREPACKED: usize = 512 << 20;

impl Decoder {
    /// Opens the model that `files` are of. Its weights are those in `runtime` if it was the last model opened there.
    pub fn open(runtime: &Runtime, files: &ModelFiles) -> Result<Self, Failure> {
        let network = arch::open(&Json::Object(files.config()?))?;
        let stored = StoredWeights::open(files)?;
        arch::check(&*network, &stored)?;
        let dtype = computed_in(runtime);
        let identity = format!("{dtype:?}\n{}", stored.identity()?);
        let parameters = network.parameters();
        let weights =
            runtime.weights(&identity, &InFolder { weights: stored, parameters: &parameters, dtype })?;
        Ok(Self { network, weights, dtype, adapted: Arc::new([]) })
    }

    /// The same model with an adapter beside its weights, which stay as they are and stay shared.
    pub fn with_adapter(self, files: &ModelFiles) -> Result<Self, Failure> {
        let adapter = adapter::read(files)?;
        let adapted = model::adapter::on_network(&adapter.modules, &self.network.parameters())?;
        let weights = self.weights.and(SharedWeights::new(model::adapter::weights(&adapted))?);
        Ok(Self { weights, adapted: adapted.into(), ..self })
    }

    /// Puts a network and weights in memory together; every tensor of the network must be there in its shape.
    pub fn new(runtime: &Runtime, network: Arc<dyn Network>, mut weights: Weights) -> Result<Self, Failure> {
        let mut used = Weights::new();
        for parameter in network.parameters() {
            let tensor = weights.remove(&parameter.name).ok_or_else(|| {
                Failure::input(format!("the checkpoint has no tensor `{}`", parameter.name))
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
        let dtype = computed_in(runtime);
        let weights = match dtype {
            DType::Bf16 => convert::to_bf16(used),
            _ => convert::to_f32(used)?,
        };
        Ok(Self { network, weights: SharedWeights::new(weights)?, dtype, adapted: Arc::new([]) })
    }

    /// Whether a session that decodes may keep a rearranged copy of the weights: where they are small, speed is worth
    /// more than the memory. Measured on 26 M parameters, 32 rows and 2 threads: a seventh more tokens per second.
    pub fn prepacks(&self) -> bool {
        let elements = |parameter: &Parameter| parameter.shape.iter().product::<usize>();
        let elements: usize = self.network.parameters().iter().map(elements).sum();
        self.dtype == DType::F32 && elements * self.dtype.size() <= MOST_PREPACKED
    }

    /// Where a graph of this decoder gets its weights from.
    pub fn parameters(&self, g: &mut Graph, rows: Rows) -> Box<dyn Parameters> {
        let weights = Initializers::new(self.dtype);
        // The kernels of a device do not care which factor the weight is, nor do rearranged weights.
        let few = rows == Rows::Few && self.dtype == DType::F32 && !self.prepacks();
        let weights = if few { weights.for_few_rows() } else { weights };
        if self.adapted.is_empty() {
            return Box::new(weights);
        }
        Box::new(model::adapter::beside(g, weights, &self.adapted))
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

/// The weights of a folder that a network asks for, in the type it computes in.
struct InFolder<'a> {
    weights: StoredWeights,
    parameters: &'a [Parameter],
    dtype: DType,
}

impl WeightSource for InFolder<'_> {
    fn names(&self) -> Vec<&str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str()).collect()
    }

    fn bytes(&self) -> u64 {
        self.weights.bytes(&self.names(), self.dtype)
    }

    fn read(&self) -> Result<Weights, Failure> {
        self.weights.read(&self.names(), Some(self.dtype))
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        self.weights.write(&self.names(), self.dtype, folder)
    }
}

/// The type that weights and activations have on the runtime's device.
pub(super) fn computed_in(runtime: &Runtime) -> DType {
    match runtime.provider() {
        Provider::Cpu => DType::F32,
        Provider::Cuda(_) => DType::Bf16,
    }
}
