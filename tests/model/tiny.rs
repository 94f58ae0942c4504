//! Small decoders: the golden checkpoints, and random ones of any shape.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{path::Path, sync::Arc};

use chorale::{
    checkpoint::{Weights, folder::ModelFiles},
    decode::load::Decoder,
    model::{
        arch::llama::LlamaConfig,
        layer::attention::Heads,
        parameter::{Parameter, Role},
    },
    random::Draws,
    runtime::Runtime,
    tensor::Tensor,
};

/// The golden checkpoints: one with a tied head, one without.
pub(crate) const GOLDEN: [&str; 2] = ["tied", "untied"];

/// The path of a golden file.
pub(crate) fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(name)
}

/// A golden checkpoint.
pub(crate) fn checkpoint(runtime: &Runtime, name: &str) -> Decoder {
    let files = ModelFiles::in_folder(&golden(&format!("training/{name}"))).unwrap();
    Decoder::open(runtime, &files).unwrap()
}

/// A random decoder: 2 layers, 4 query heads for 2 key-value heads of the given width, a vocabulary of 300.
pub(crate) fn random(runtime: &Runtime, head_width: usize) -> Decoder {
    let config = LlamaConfig {
        vocabulary: 300,
        width: 48,
        inner: 80,
        layers: 2,
        heads: Heads { query: 4, key_value: 2, width: head_width },
        positions: 256,
        norm_epsilon: 1e-5,
        rope_theta: 10_000.0,
        tied: false,
    };
    let network = config.network().unwrap();
    let weights = weights(&network.parameters());
    Decoder::new(runtime, network, weights).unwrap()
}

/// Random weights, large enough that a model of them is not indifferent.
pub(crate) fn weights(parameters: &[Parameter]) -> Weights {
    let mut weights = Weights::new();
    for parameter in parameters {
        let mut draws = Draws::new(17, &parameter.name, 0);
        let count = parameter.shape.iter().product();
        let mut number = || match parameter.role {
            Role::Gain => 1.0 + 0.1 * draws.normal() as f32,
            Role::Bias => 0.1 * draws.normal() as f32,
            Role::Embedding => draws.normal() as f32,
            Role::Matrix => 0.25 * draws.normal() as f32,
        };
        let values: Vec<f32> = (0..count).map(|_| number()).collect();
        weights.insert(parameter.name.clone(), Arc::new(Tensor::f32(&parameter.shape, values).unwrap()));
    }
    weights
}

/// Random token ids.
pub(crate) fn tokens(name: &str, count: usize, vocabulary: usize) -> Vec<u32> {
    let mut draws = Draws::new(3, name, 0);
    (0..count).map(|_| draws.below(vocabulary) as u32).collect()
}
