//! Losses, gradients and ten steps of every architecture against transformers and PEFT (`tests/golden/architectures.py`).
#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::{model::arch::ARCHITECTURES, tensor::close::Tolerance};
use serde_json::Value as Json;

use super::{
    Tensors, examples, folder,
    gradients::{Start, check_gradients, check_report, start},
    settings,
    steps::{optimizer, take_steps},
    tensors,
};

struct Case {
    /// The checkpoint, relative to [`folder`].
    model: String,
    facts: Json,
    values: Tensors,
}

fn cases() -> Vec<Case> {
    let open = |name: &str| {
        let model = format!("../architectures/{name}");
        let text = std::fs::read_to_string(folder().join(&model).join("golden.json")).unwrap();
        let values = tensors(&format!("{model}/golden.safetensors"));
        Case { model, facts: serde_json::from_str(&text).unwrap(), values }
    };
    let cases: Vec<Case> = ARCHITECTURES.iter().map(|row| open(row.model_type)).collect();
    assert!(cases.len() >= 8);
    cases
}

/// The elements that were kept of every weight's gradient, and its norm. Where a gradient vanishes but for rounding (the
/// bias of keys that are not rotated), it is compared with the largest of all.
fn check_samples(name: &str, start: &Start, facts: &Json, values: &Tensors) {
    let most = Tolerance::Training.relative();
    let gradient = start.stepper.read_gradient().unwrap();
    let gradient = gradient.as_f32().unwrap();
    let largest = |values: &[f32]| values.iter().map(|value| value.abs()).fold(0.0, f32::max);
    let floor = 1e-3 * largest(gradient);
    let mut seen = 0;
    for slot in start.training.layout.slots() {
        let got = &gradient[slot.offset..slot.offset + slot.len()];
        let (_, expected) = &values[&format!("sampled.{}", slot.name)];
        let kept: Vec<f32> = got.iter().copied().step_by(slot.len().div_ceil(32)).collect();
        assert_eq!(kept.len(), expected.len(), "{name}: {}", slot.name);
        let worst = kept.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let scale = largest(expected).max(floor);
        assert!(
            f64::from(worst / scale) <= most,
            "{name}: gradient of {}: {worst:e} of {scale:e}",
            slot.name
        );
        let norm = got.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let expected = facts["norms"][&slot.name].as_f64().unwrap();
        let scale = expected.max(f64::from(floor));
        assert!((norm - expected).abs() <= most * scale, "{name}: norm of {}: {norm} {expected}", slot.name);
        seen += 1;
    }
    assert_eq!(seen, facts["norms"].as_object().unwrap().len(), "{name}");
    assert!(seen >= 20, "{name} has {seen} tensors");
}

#[test]
fn preference_gradients_of_all_weights_are_those_of_pytorch() {
    for Case { model, facts, values } in cases() {
        let facts = &facts["dpo"];
        let mut start = start(&model, "dpo", facts, &values, &settings("dpo").optimizer, false);
        let reported = start.gradient(&examples(&facts["rows"]), 8);
        check_report(&model, &reported, facts);
        check_samples(&model, &start, facts, &values);
    }
}

#[test]
fn adapter_gradients_and_ten_steps_are_those_of_peft() {
    for Case { model, facts, values } in cases() {
        let facts = &facts["dpo_lora"];
        let optimizer = optimizer(&facts["steps"]["settings"]);
        let mut start = start(&model, "dpo", facts, &values, &optimizer, false);
        let reported = start.gradient(&examples(&facts["rows"]), 8);
        check_report(&model, &reported, facts);
        check_gradients(&model, &start, &values);
        take_steps(&model, &mut start, &optimizer, &facts["steps"], &[&facts["rows"]; 10]);
    }
}
