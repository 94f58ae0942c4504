//! Layers that are computed again in the backward pass: the same gradients, less memory.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests; the child is told through its environment what to do"
)]

use std::process::Command;

use chorale::{
    checkpoint::Weights,
    model::{
        arch::{self, Network},
        lora::Lora,
    },
    tensor::{Tensor, close::Tolerance},
    train::{
        self,
        batch::{Batch, Packing},
        example::Example,
        graph::{self, Form, Trained},
        initial,
        program::Program,
        state::State,
        step::Stepper,
    },
};
use serde_json::json;

use super::{assert_close, case, examples, gradients::start_with, settings};

fn again() -> Form {
    Form { recompute: true, ..Form::default() }
}

fn same_gradient(model: &str, objective: &str, golden: &str, lora: Option<&Lora>) {
    let rows = examples(&case(golden).0["rows"]);
    let rows: Vec<&Example> = rows.iter().collect();
    let numbers: Vec<usize> = (0..rows.len()).collect();
    let mut results = Vec::new();
    for form in [Form::default(), again()] {
        let mut start = start_with(model, objective, lora, form, &settings(objective).optimizer, false);
        let mut state = start.stepper.state(0).unwrap();
        // Not the first values: matrix B would be zero, and with it most gradients.
        state.trainable.iter_mut().zip(0_u32..).for_each(|(value, n)| *value += 0.01 * (n as f32).sin());
        start.stepper.set(&state).unwrap();
        let mut batch = Batch::new(&rows, Packing::On);
        if lora.is_some_and(|lora| lora.dropout > 0.0) {
            batch.draw(1, 0, &numbers);
        }
        let reported = start.stepper.gradient(&[batch], rows.len()).unwrap();
        let gradient = start.stepper.read_gradient().unwrap().as_f32().unwrap().to_vec();
        assert!(gradient.iter().filter(|value| **value != 0.0).count() > gradient.len() / 2);
        results.push((reported, gradient));
    }
    // Not the same bits: the library fuses other nodes where a value has another reader.
    let most = Tolerance::Close.relative();
    let (kept, again) = (&results[0], &results[1]);
    assert_close(golden, &[again.0.loss as f32], &[kept.0.loss as f32], most);
    assert_close(golden, &again.1, &kept.1, most);
}

#[test]
fn gradients_of_all_weights_are_the_same() {
    same_gradient("tied", "lm", "tied-lm", None);
    same_gradient("untied", "sft", "untied-sft", None);
}

#[test]
fn gradients_of_adapters_are_the_same() {
    let targets = vec!["all-linear".to_owned()];
    let lora = Lora { rank: 4, alpha: 8.0, rank_stabilised: false, dropout: 0.2, targets };
    same_gradient("untied", "dpo", "untied-dpo", Some(&lora));
}

/// Tells the child process what to measure: `keep` or `again`, `all` or `adapters`.
const MEASURED: &str = "CHORALE_TEST_TRAIN_MEMORY";

/// A network whose activations weigh much more than its weights.
fn deep() -> std::sync::Arc<dyn Network> {
    let config = json!({
        "model_type": "llama", "vocab_size": 64, "hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 8,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "tie_word_embeddings": true,
    });
    arch::open(&config).unwrap()
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_process_measures_memory_for_another_one() {
    let Some(what) = std::env::var_os(MEASURED) else {
        println!("skipped: runs as the child of the test of memory");
        return;
    };
    let what = what.into_string().unwrap();
    let form = if what.contains("again") { again() } else { Form::default() };
    let targets = vec!["all-linear".to_owned()];
    let lora = Lora { rank: 4, alpha: 8.0, rank_stabilised: false, dropout: 0.0, targets };
    let network = deep();
    let trained = Trained::new(&*network, what.contains("adapters").then_some(&lora)).unwrap();
    let weights: Weights = (network.parameters().into_iter())
        .map(|parameter| {
            let count: usize = parameter.shape.iter().product();
            let values = (0..count).map(|n| 0.05 * (n as f32).sin()).collect();
            (parameter.name, std::sync::Arc::new(Tensor::f32(&parameter.shape, values).unwrap()))
        })
        .collect();
    let settings = settings("lm");
    let training = graph::build(&*network, &trained, settings.goal(), form);
    let trainable = initial(&trained, &training.layout, &weights, 0).unwrap();
    let zeros = vec![0.0; trainable.len()];
    let frozen = if what.contains("adapters") { weights } else { Weights::new() };
    let runtime = crate::runtime::runtime();
    let options = train::session_options();
    let mut stepper =
        Stepper::new(runtime, &Program::from(&training), frozen, &settings.optimizer, false, &options)
            .unwrap();
    stepper.set(&State { step: 0, trainable, first: zeros.clone(), second: zeros }).unwrap();
    let text: Vec<u32> = (0..320).map(|n| 3 + n % 61).collect();
    let row = Example { id: String::new(), prompt: vec![0], branches: vec![text], ..Example::default() };
    let before = peak_bytes();
    for _ in 0..2 {
        let batch = Batch::new(&[&row, &row, &row, &row], Packing::Off);
        let units = batch.scored();
        stepper.gradient(&[batch], units).unwrap();
        println!("peak {} before {before}", peak_bytes() - before);
    }
}

/// What two steps need beyond what is there before, in bytes.
fn measured(what: &str) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "train::recompute::a_process_measures_memory_for_another_one", "--nocapture"])
        .env(MEASURED, what)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{what}: {text}");
    let line = text.lines().rfind(|line| line.contains("peak ")).unwrap();
    line.split("peak ").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn computing_layers_again_takes_a_fraction_of_the_memory() {
    let (kept, again) = (measured("keep all"), measured("again all"));
    assert!(again * 2 < kept, "{again} bytes instead of {kept}");
}
