//! Training graphs in half precision: which numbers stay f32, and that gradients stay close.
//!
//! The CPU library has no bf16 kernels, so bf16 is checked by the types in the graph; f16, which the library computes by
//! way of f32, is run.

use chorale::{
    model::lora::Lora,
    tensor::DType,
    train::{
        batch::{Batch, Packing},
        example::Example,
        graph::{self, Form, Trained},
    },
};

use super::{case, examples, gradients::start_with, model, settings, wide};

fn lora() -> Lora {
    let targets = vec!["all-linear".to_owned()];
    Lora { rank: 4, alpha: 8.0, rank_stabilised: false, dropout: 0.1, targets }
}

/// The graph in bf16 as text, one value per line.
fn text(objective: &str, lora: Option<&Lora>, recompute: bool) -> String {
    let (network, _) = model("untied");
    let trained = Trained::new(&*network, lora).unwrap();
    let form = Form { dtype: DType::Bf16, recompute };
    graph::build(&*network, &trained, settings(objective).goal(), form).graph.dump()
}

/// Checks the type of everything that `wants` has an opinion on; returns how many lines that were.
fn check_types(text: &str, wants: impl Fn(&str, &str) -> Option<&'static str>) -> usize {
    let mut seen = 0;
    for line in text.lines().filter(|line| line.contains(" = ")) {
        let Some((left, right)) = line.split_once(" = ") else { continue };
        let operator = right.split('(').next().unwrap();
        if let Some(dtype) = wants(left, operator) {
            assert!(left.contains(&format!(": {dtype}[")), "{line}");
            seen += 1;
        }
    }
    seen
}

fn statistics_are_f32(text: &str) {
    let wide = ["Softmax", "LogSoftmax", "ReduceMean", "Softplus", "Sqrt", "Sin", "Cos"];
    let seen = check_types(text, |_, operator| wide.contains(&operator).then_some("f32"));
    assert!(seen >= 10, "{seen}");
    let outputs = text.lines().filter(|line| line.starts_with("output ")).collect::<Vec<_>>();
    assert!(outputs.len() >= 4 && outputs.iter().all(|line| line.contains(": f32[")), "{outputs:?}");
}

#[test]
fn with_adapters_weights_and_activations_are_bf16_and_what_is_trained_is_f32() {
    for recompute in [false, true] {
        let text = text("dpo", Some(&lora()), recompute);
        let weights: Vec<&str> = text.lines().filter(|line| line.starts_with("weight ")).collect();
        assert!(weights.len() >= 20 && weights.iter().all(|line| line.contains(": bf16[")), "{weights:?}");
        assert!(text.contains("input trainable: f32["), "{text}");
        let wants = |left: &str, operator: &str| {
            (operator == "Gemm").then(|| if left.contains(".lora.") { "f32" } else { "bf16" })
        };
        let products = check_types(&text, wants);
        assert!(products >= 60, "{products}");
        statistics_are_f32(&text);
    }
}

#[test]
fn fine_tuning_keeps_a_master_copy_in_f32_and_computes_in_bf16() {
    let text = text("lm", None, false);
    assert!(!text.lines().any(|line| line.starts_with("weight ")));
    assert!(text.contains("input trainable: f32["));
    let wants = |left: &str, operator: &str| {
        (operator == "Gemm").then_some("bf16").or((left == "backward.concat").then_some("f32"))
    };
    assert!(check_types(&text, wants) >= 30);
    statistics_are_f32(&text);
}

#[test]
fn gradients_in_f16_are_those_in_f32_but_for_rounding() {
    let rows = examples(&case("untied-dpo").0["rows"]);
    let rows: Vec<&Example> = rows.iter().collect();
    let lora = Lora { dropout: 0.0, ..lora() };
    let mut results = Vec::new();
    for dtype in [DType::F32, DType::F16] {
        let form = Form { dtype, recompute: false };
        let optimizer = settings("dpo").optimizer;
        let mut start = start_with("untied", "dpo", Some(&lora), form, &optimizer, false);
        let mut state = start.stepper.state(0).unwrap();
        state.trainable.iter_mut().zip(0_u32..).for_each(|(value, n)| *value += 0.01 * (n as f32).sin());
        start.stepper.set(&state).unwrap();
        let reported = start.stepper.gradient(&[Batch::new(&rows, Packing::On)], rows.len()).unwrap();
        results.push((reported.loss, wide(start.stepper.read_gradient().unwrap().as_f32().unwrap())));
    }
    let (exact, rounded) = (&results[0], &results[1]);
    assert!((exact.0 - rounded.0).abs() < 2e-2 * exact.0.abs(), "{} {}", exact.0, rounded.0);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = dot(&exact.1, &rounded.1) / (dot(&exact.1, &exact.1) * dot(&rounded.1, &rounded.1)).sqrt();
    assert!(cosine > 0.999, "{cosine}");
    assert_ne!(exact.1, rounded.1);
}
