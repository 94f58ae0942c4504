//! Training against PyTorch, transformers and PEFT (`tests/golden/training.py`), and against itself after interruptions.
#![expect(clippy::unwrap_used, reason = "tests")]

mod architectures;
mod auxiliary;
mod foreign;
mod gradients;
mod kind;
mod objectives;
mod packing;
mod precision;
mod recompute;
mod resume;
mod settings;
mod steps;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use chorale::{
    checkpoint::Weights,
    model::{
        arch::{self, Network},
        loss,
        optim::{adamw::AdamW, schedule::Schedule},
    },
    tensor::{Tensor, close::relative_error},
    train::{Listener, Settings, batch::Packing, example::Example, graph::Form},
};
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value as Json;

/// Tensors of a file by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/training")
}

fn tensors(file: &str) -> Tensors {
    let bytes = std::fs::read(folder().join(file)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), floats(&view)))).collect()
}

/// The numbers of a tensor in f32 or bf16.
fn floats(view: &TensorView<'_>) -> Vec<f32> {
    if view.dtype() == safetensors::Dtype::BF16 {
        let wide = |half: [u8; 2]| f32::from_le_bytes([0, 0, half[0], half[1]]);
        return view.data().as_chunks().0.iter().copied().map(wide).collect();
    }
    assert_eq!(view.dtype(), safetensors::Dtype::F32);
    view.data().as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
}

/// What a golden case was made from and gave.
fn case(name: &str) -> (Json, Tensors) {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    (serde_json::from_str(&text).unwrap(), tensors(&format!("{name}.safetensors")))
}

/// A tiny checkpoint.
fn model(name: &str) -> (Arc<dyn Network>, Weights) {
    let config = std::fs::read_to_string(folder().join(name).join("config.json")).unwrap();
    let network = arch::open(&serde_json::from_str(&config).unwrap()).unwrap();
    let weights = tensors(&format!("{name}/model.safetensors"))
        .into_iter()
        .map(|(name, (shape, values))| (name, Arc::new(Tensor::f32(&shape, values).unwrap())))
        .collect();
    (network, weights)
}

/// Examples from the rows of a golden case.
fn examples(rows: &Json) -> Vec<Example> {
    let ids = |row: &Json, field: &str| -> Option<Vec<u32>> {
        Some(row.get(field)?.as_array()?.iter().map(|id| id.as_u64().unwrap() as u32).collect())
    };
    let float = |row: &Json, field: &str| row.get(field).and_then(Json::as_f64).map(|number| number as f32);
    rows.as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, row)| Example {
            id: number.to_string(),
            prompt: ids(row, "prompt").unwrap(),
            branches: ["completion", "chosen", "rejected"].iter().filter_map(|name| ids(row, name)).collect(),
            references: ["reference_chosen", "reference_rejected"]
                .iter()
                .filter_map(|name| float(row, name))
                .collect(),
            ..Example::default()
        })
        .collect()
}

/// Settings that tests change field by field.
fn settings(objective: &str) -> Settings {
    Settings {
        loss: loss::find(objective).unwrap(),
        loss_settings: loss::find(objective).unwrap().defaults(),
        auxiliary: None,
        optimizer: AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, max_grad_norm: 1.0 },
        learning_rate: 1e-3,
        schedule: Schedule::Constant,
        warmup_ratio: 0.0,
        epochs: 1.0,
        steps: None,
        batch_size: 8,
        accumulation: 1,
        languages: None,
        packing: Packing::On,
        form: Form::default(),
        seed: 0,
        save_after: None,
    }
}

/// Nobody listens, nobody cancels.
struct Deaf;

impl Listener for Deaf {
    fn progress(&self, _done: u64, _total: u64) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[track_caller]
fn assert_close(what: &str, got: &[f32], expected: &[f32], most: f64) {
    let error = relative_error(&wide(got), &wide(expected));
    assert!(error <= most, "{what}: relative error {error:e}, admitted {most:e}");
}
