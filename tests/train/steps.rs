//! Ten optimizer steps, and losses that follow from a formula.

use chorale::{
    graph::{Graph, export},
    model::{
        loss::{self, Role, Settings},
        optim::{adamw::AdamW, schedule::Schedule},
    },
    runtime::SessionOptions,
    tensor::{DType, Tensor, close::Tolerance},
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
        let norm = start.stepper.update(optimizer.rates(rate, step + 1)).unwrap();
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

/// DPO with `beta` on one pair with these log-probabilities, policy and reference, chosen and rejected.
fn dpo(beta: f64, policy: [f32; 2], reference: [f32; 2]) -> Vec<(String, f32)> {
    let mut graph = Graph::new();
    let roles: Vec<Role> = (0..2)
        .map(|role| {
            let number = |value: f32| Tensor::f32(&[1], vec![value]).unwrap();
            let log_probability = graph.constant(number(policy[role]));
            Role { log_probability, reference: Some(graph.constant(number(reference[role]))) }
        })
        .collect();
    let built = loss::find("dpo").unwrap().build(&mut graph, &roles, &Settings { beta });
    graph.output("loss", built.loss);
    for (name, value) in built.metrics {
        assert_eq!(graph.dtype(value), DType::F32);
        graph.output(name, value);
    }
    let bytes = export::model(&graph, &export::Description::default(), &std::collections::BTreeMap::new());
    let runtime = crate::runtime::runtime();
    let mut session =
        runtime.session(&bytes, std::collections::BTreeMap::new(), &SessionOptions::default()).unwrap();
    let outputs = session.run(&[]).unwrap();
    outputs.into_iter().map(|(name, value)| (name, value.as_f32().unwrap()[0])).collect()
}

#[test]
fn dpo_has_the_value_that_follows_by_hand() {
    // beta 0.1 and a bracket of (-3 - -4) - (-9 - -8) = 2 give h = 0.2 and -ln sigmoid(0.2) = 0.5981 (methods P2).
    let values: std::collections::BTreeMap<String, f32> =
        dpo(0.1, [-3.0, -9.0], [-4.0, -8.0]).into_iter().collect();
    assert!((values["loss"] - 0.5981).abs() < 5e-5, "{values:?}");
    assert!((values["rewards/chosen"] - 0.1).abs() < 1e-6);
    assert!((values["rewards/rejected"] + 0.1).abs() < 1e-6);
    assert!((values["rewards/margins"] - 0.2).abs() < 1e-6);
    assert_eq!(values["rewards/accuracies"], 1.0);
    assert_eq!((values["logps/chosen"], values["logps/rejected"]), (-3.0, -9.0));
    // Far on the wrong side the loss is the margin itself and does not overflow.
    let far: std::collections::BTreeMap<String, f32> =
        dpo(1.0, [-500.0, 0.0], [0.0, 0.0]).into_iter().collect();
    assert_eq!(far["loss"], 500.0);
}
