//! Ten optimizer steps.

use chorale::{
    model::optim::{adamw::AdamW, schedule::Schedule},
    tensor::close::Tolerance,
};
use serde_json::Value as Json;

use super::{
    assert_close, case, examples,
    gradients::{Start, start},
};

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The optimizer of a golden case.
pub(super) fn optimizer(settings: &Json) -> AdamW {
    let number = |field: &str| settings[field].as_f64().unwrap();
    let betas = numbers(&settings["betas"]);
    AdamW {
        betas: [betas[0], betas[1]],
        eps: number("eps"),
        weight_decay: number("weight_decay"),
        max_grad_norm: number("max_grad_norm"),
    }
}

fn ten_steps(name: &str, model: &str, objective: &str, prefix: &str) {
    let (facts, values) = case(name);
    let optimizer = optimizer(&facts["settings"]);
    let mut start = start(model, objective, &facts, &values, &optimizer, false);
    let batches: Vec<&Json> = facts["batches"].as_array().unwrap().iter().collect();
    take_steps(name, &mut start, &optimizer, &facts, &batches);
    let most = Tolerance::Training.relative();
    let last = start.stepper.state(10).unwrap().trainable;
    let decayed: Vec<&str> =
        facts["decayed"].as_array().unwrap().iter().map(|x| x.as_str().unwrap()).collect();
    let mut seen = 0;
    for slot in start.training.layout.slots() {
        let (_, expected) = &values[&format!("final.{prefix}{}", slot.name)];
        let got = &last[slot.offset..slot.offset + slot.len()];
        assert_close(&format!("{name}: {} after ten steps", slot.name), got, expected, most);
        assert_eq!(
            slot.decayed,
            decayed.contains(&format!("{prefix}{}", slot.name).as_str()),
            "{}",
            slot.name
        );
        seen += 1;
    }
    assert!(seen >= 20, "{name} has {seen} tensors");
}

/// One optimizer step for each batch, with the losses, norms and rates that a golden case gave.
pub(super) fn take_steps(name: &str, start: &mut Start, optimizer: &AdamW, facts: &Json, batches: &[&Json]) {
    assert_eq!(batches.len(), 10);
    let number = |field: &str| facts["settings"][field].as_f64().unwrap();
    let warmup = (batches.len() as f64 * number("warmup_ratio")).ceil() as usize;
    let most = Tolerance::Training.relative();
    let (losses, norms) = (numbers(&facts["loss"]), numbers(&facts["grad_norm"]));
    let rates = numbers(&facts["learning_rate"]);
    for (step, rows) in batches.iter().enumerate() {
        let loss = start.gradient(&examples(rows), 8).loss;
        let rate = number("learning_rate") * Schedule::Cosine.factor(step, warmup, batches.len());
        assert!((rate - rates[step]).abs() < 1e-12, "{name}: learning rate of step {step}");
        let norm = start.stepper.update(&optimizer.rates(rate, step + 1)).unwrap();
        assert_close(&format!("{name}: loss of step {step}"), &[loss as f32], &[losses[step] as f32], most);
        assert_close(&format!("{name}: norm of step {step}"), &[norm as f32], &[norms[step] as f32], most);
    }
}

#[test]
fn ten_steps_of_all_weights_are_those_of_pytorch() {
    ten_steps("tied-lm-steps", "tied", "lm", "");
}

#[test]
fn ten_steps_of_adapters_are_those_of_peft() {
    ten_steps("untied-dpo-lora-steps", "untied", "dpo", "base_model.model.");
}
