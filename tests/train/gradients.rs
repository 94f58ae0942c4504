//! Losses, metrics and every gradient of the golden cases.

use std::sync::Arc;

use chorale::{
    checkpoint::{Weights, convert},
    model::{lora::Lora, loss::Unit, optim::adamw::AdamW},
    runtime::SessionOptions,
    tensor::{DType, Tensor, close::Tolerance},
    train::{
        Settings,
        batch::{Batch, Packing},
        example::Example,
        graph::{self, Form, Trained, TrainingGraph},
        initial,
        layout::Layout,
        program::Program,
        state::State,
        step::{Reported, Stepper},
    },
};
use serde_json::Value as Json;

use super::{Tensors, assert_close, case, examples, model, settings};

/// The trainable vector with the tensors that `values` has under the prefix replaced.
fn with_tensors(layout: &Layout, mut vector: Vec<f32>, values: &Tensors, prefix: &str) -> Vec<f32> {
    for slot in layout.slots() {
        if let Some((_, tensor)) = values.get(&format!("{prefix}{}", slot.name)) {
            vector[slot.offset..slot.offset + slot.len()].copy_from_slice(tensor);
        }
    }
    vector
}

pub(super) fn lora_of(facts: &Json) -> Option<Lora> {
    let lora = facts.get("lora")?;
    Some(Lora {
        rank: lora["rank"].as_u64().unwrap() as usize,
        alpha: lora["alpha"].as_f64().unwrap(),
        rank_stabilised: lora.get("rank_stabilised").is_some_and(|flag| flag.as_bool().unwrap()),
        dropout: lora.get("dropout").map_or(0.0, |rate| rate.as_f64().unwrap()),
        targets: lora["targets"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect(),
    })
}

/// A model on the device at the values that a golden case starts from.
pub(super) struct Start {
    pub(super) training: TrainingGraph,
    pub(super) stepper: Stepper,
}

pub(super) const ADAPTER: &str = "initial.base_model.model.";

pub(super) fn start(
    name: &str,
    objective: &str,
    facts: &Json,
    values: &Tensors,
    optimizer: &AdamW,
    accumulates: bool,
) -> Start {
    let form = Form::default();
    let start = start_with(name, objective, lora_of(facts).as_ref(), form, optimizer, accumulates);
    let layout = &start.training.layout;
    let mut state = start.stepper.state(0).unwrap();
    state.trainable = with_tensors(layout, state.trainable, values, ADAPTER);
    start.stepper.set(&state).unwrap();
    start
}

fn in_type(weights: Weights, dtype: DType) -> Weights {
    let narrow = |tensor: &Tensor| match tensor {
        Tensor::F32(array) if dtype != DType::F32 => convert::narrow(array.clone(), dtype).unwrap(),
        other => other.clone(),
    };
    weights.into_iter().map(|(name, tensor)| (name, Arc::new(narrow(&tensor)))).collect()
}

/// A model on the device as training begins with it.
pub(super) fn start_with(
    name: &str,
    objective: &str,
    lora: Option<&Lora>,
    form: Form,
    optimizer: &AdamW,
    accumulates: bool,
) -> Start {
    start_of(name, &settings(objective), lora, form, (optimizer, accumulates))
}

/// A model with its adapters at the values that a golden case starts from.
pub(super) fn start_from(
    name: &str,
    settings: &Settings,
    lora: Option<&Lora>,
    form: Form,
    values: &Tensors,
) -> Start {
    let start = start_of(name, settings, lora, form, (&settings.optimizer, false));
    let mut state = start.stepper.state(0).unwrap();
    state.trainable = with_tensors(&start.training.layout, state.trainable, values, ADAPTER);
    start.stepper.set(&state).unwrap();
    start
}

fn start_of(
    name: &str,
    settings: &Settings,
    lora: Option<&Lora>,
    form: Form,
    (optimizer, accumulates): (&AdamW, bool),
) -> Start {
    let (network, weights) = model(name);
    let trained = Trained::new(&*network, lora).unwrap();
    let training = graph::build(&*network, &trained, settings.goal(), form);
    let mut vector = initial(&trained, &training.layout, &weights, 0).unwrap();
    vector.extend(settings.initial_auxiliary(&*network));
    let frozen: Weights = match trained {
        Trained::All => Weights::new(),
        Trained::Adapters(..) => in_type(weights, form.dtype),
    };
    let runtime = crate::runtime::runtime();
    let stepper = Stepper::new(
        runtime,
        &Program::from(&training),
        frozen,
        optimizer,
        accumulates,
        &SessionOptions::default(),
    )
    .unwrap();
    let zeros = vec![0.0; vector.len()];
    stepper.set(&State { step: 0, trainable: vector, first: zeros.clone(), second: zeros }).unwrap();
    Start { training, stepper }
}

impl Start {
    /// One batch whose keys of dropout are those of the golden rows.
    pub(super) fn gradient_with_keys(&mut self, rows: &Json) -> Reported {
        let examples = examples(rows);
        let mut batch = Batch::new(&examples.iter().collect::<Vec<_>>(), Packing::Off);
        batch.keys = vec![0; batch.tokens.len()];
        for (index, row) in rows.as_array().unwrap().iter().enumerate() {
            for (place, key) in row["keys"].as_array().unwrap().iter().enumerate() {
                batch.keys[index * batch.width + place] = key.as_i64().unwrap();
            }
        }
        self.stepper.gradient(&[batch], examples.len()).unwrap()
    }

    pub(super) fn gradient(&mut self, examples: &[Example], batch: usize) -> Reported {
        let examples: Vec<&Example> = examples.iter().collect();
        let batches: Vec<Batch> =
            examples.chunks(batch).map(|chunk| Batch::new(chunk, Packing::On)).collect();
        let units = match self.training.loss.unit() {
            Unit::Token => batches.iter().map(Batch::scored).sum(),
            Unit::Example | Unit::Group => examples.len(),
        };
        self.stepper.gradient(&batches, units).unwrap()
    }
}

fn check(name: &str, model: &str, objective: &str, batch: usize) {
    let (facts, values) = case(name);
    let mut start = start(model, objective, &facts, &values, &settings(objective).optimizer, batch < 8);
    let with_keys = facts["rows"][0].get("keys").is_some();
    let reported = if with_keys {
        start.gradient_with_keys(&facts["rows"])
    } else {
        start.gradient(&examples(&facts["rows"]), batch)
    };
    let mut expected = facts.clone();
    // The mean over the tokens of a step is not the mean of the batches' means, which TRL reports for pairs.
    if objective == "dpo"
        && batch < 8
        && let Some(metrics) = expected.get_mut("metrics").and_then(Json::as_object_mut)
    {
        metrics.retain(|metric, _| {
            !metric.starts_with("logits/") && metric != "entropy" && metric != "mean_token_accuracy"
        });
    } else {
        assert!(with_keys || reported.metrics.len() == facts["metrics"].as_object().unwrap().len(), "{name}");
    }
    check_report(name, &reported, &expected);
    check_gradients(name, &start, &values);
}

/// Loss and metrics are those that a golden case gave.
pub(super) fn check_report(name: &str, reported: &Reported, facts: &Json) {
    let most = Tolerance::Training.relative();
    assert_close(
        &format!("{name}: loss"),
        &[reported.loss as f32],
        &[facts["loss"].as_f64().unwrap() as f32],
        most,
    );
    let metrics = facts.get("metrics").and_then(Json::as_object).cloned().unwrap_or_default();
    for (metric, expected) in &metrics {
        let expected = expected.as_f64().unwrap() as f32;
        assert_close(&format!("{name}: {metric}"), &[reported.metrics[metric] as f32], &[expected], most);
    }
}

/// The gradients that a golden case has under `prefix`, tensor by tensor, are those that a start has.
pub(super) fn check_gradients_of(name: &str, prefix: &str, start: &Start, values: &Tensors) {
    let gradient = start.stepper.read_gradient().unwrap();
    let gradient = gradient.as_f32().unwrap();
    let count = values.keys().filter(|name| name.starts_with(prefix)).count();
    assert_eq!(count, start.training.layout.slots().len(), "{name}");
    for slot in start.training.layout.slots() {
        let (_, expected) = &values[&format!("{prefix}{}", slot.name)];
        let got = &gradient[slot.offset..slot.offset + slot.len()];
        let most = Tolerance::Training.relative();
        assert_close(&format!("{name}: gradient of {}", slot.name), got, expected, most);
    }
}

/// All gradients are those that a golden case gave, tensor by tensor.
pub(super) fn check_gradients(name: &str, start: &Start, values: &Tensors) {
    let most = Tolerance::Training.relative();
    let gradient = start.stepper.read_gradient().unwrap();
    let gradient = gradient.as_f32().unwrap();
    let mut seen = 0;
    for slot in start.training.layout.slots() {
        let names = [format!("gradient.{}", slot.name), format!("gradient.base_model.model.{}", slot.name)];
        let (shape, expected) = names.iter().find_map(|name| values.get(name)).unwrap();
        assert_eq!(shape, &slot.shape, "{name}: {}", slot.name);
        let got = &gradient[slot.offset..slot.offset + slot.len()];
        assert_close(&format!("{name}: gradient of {}", slot.name), got, expected, most);
        seen += 1;
    }
    assert_eq!(seen, values.keys().filter(|name| name.starts_with("gradient.")).count(), "{name}");
    assert!(seen >= 8, "{name} has {seen} gradients");
}

#[test]
fn language_model_gradients_are_those_of_pytorch() {
    check("tied-lm", "tied", "lm", 8);
    check("untied-lm", "untied", "lm", 8);
}

#[test]
fn fine_tuning_gradients_are_those_of_pytorch() {
    check("untied-sft", "untied", "sft", 8);
}

#[test]
fn preference_gradients_are_those_of_pytorch() {
    check("untied-dpo", "untied", "dpo", 8);
}

#[test]
fn adapter_gradients_are_those_of_peft() {
    check("tied-dpo-lora", "tied", "dpo", 8);
}

#[test]
fn adapters_with_dropout_and_a_stabilised_scale_are_those_of_peft_with_the_same_mask() {
    check("tied-dpo-lora-dropout", "tied", "dpo", 8);
}

#[test]
fn a_step_cut_into_batches_has_the_gradient_of_the_whole() {
    check("tied-lm", "tied", "lm", 2);
    check("untied-sft", "untied", "sft", 1);
    check("untied-dpo", "untied", "dpo", 2);
}

#[test]
fn a_pair_that_shares_its_prompt_is_two_separate_sequences() {
    let (facts, values) = case("untied-dpo");
    let rows = examples(&facts["rows"]);
    let mut pairs = start("untied", "dpo", &facts, &values, &settings("dpo").optimizer, false);
    let together = pairs.gradient(&rows, 8).metrics;
    let mut single = start("untied", "sft", &facts, &values, &settings("sft").optimizer, false);
    for (role, name) in ["logps/chosen", "logps/rejected"].iter().enumerate() {
        let mut sum = 0.0;
        for row in &rows {
            let alone =
                Example { branches: vec![row.branches[role].clone()], references: Vec::new(), ..row.clone() };
            sum -= single.gradient(std::slice::from_ref(&alone), 1).loss * alone.scored() as f64;
        }
        let mean = (sum / rows.len() as f64) as f32;
        assert_close(name, &[together[*name] as f32], &[mean], Tolerance::Close.relative());
    }
}
