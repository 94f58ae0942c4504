//! Auxiliary terms: the table of methods 4.4, PyTorch's decomposition and its derivative (`tests/golden/auxiliary.py`),
//! central differences, and the corners where singular values are 0 or equal.

use std::{collections::BTreeMap, f64::consts::LN_10};

use chorale::{
    graph::{Dim, Graph, backward, export, op},
    model::{
        auxiliary::{Auxiliary, Depth, Extractor, ExtractorInit, SigmaScale, Term},
        loss::Unit,
    },
    runtime::SessionOptions,
    tensor::{DType, Tensor},
    train::{
        Settings,
        batch::{Batch, Packing},
        example::Example,
        graph::Form,
    },
};
use serde_json::Value as Json;

use super::{
    assert_close, case, examples,
    gradients::{Start, check_gradients_of, lora_of, start_from},
    settings,
};

const TRAINING: f64 = 1e-4;

fn auxiliary(term: Term, languages: usize) -> Auxiliary {
    Auxiliary {
        term,
        weight: 1.0,
        depth: Depth::Last,
        final_norm: true,
        extractor: None,
        every: 1,
        languages,
    }
}

fn mlc(tau: f64, sigma_scale: SigmaScale) -> Term {
    Term::Mlc { tau, sigma_scale }
}

/// A term with the gradient of its sum by its inputs.
struct Term1 {
    losses: Vec<f32>,
    first_share: Vec<f32>,
    gradients: Vec<Vec<f32>>,
}

/// Computes a term of `inputs`: states `[Q,L,H]`, and weight and bias of the extractor if it has one.
fn compute(aux: &Auxiliary, inputs: &[Tensor]) -> Term1 {
    let mut graph = Graph::new();
    let g = &mut graph;
    let names = ["states", "weight", "bias"];
    let values: Vec<_> = (inputs.iter().zip(names))
        .map(|(tensor, name)| {
            let mut shape: Vec<Dim> = tensor.shape().iter().copied().map(Dim::known).collect();
            if name == "states" {
                shape[0] = Dim::symbol("questions");
            }
            g.input(name, DType::F32, &shape)
        })
        .collect();
    let built = aux.build(g, values[0], (values.len() == 3).then(|| [values[1], values[2]]));
    let sum = op::reduce_sum(g, built.losses, &[0], op::KeepDims::No);
    let gradients = backward::gradients(g, sum, &values);
    g.output("losses", built.losses);
    for (name, value) in &built.metrics {
        g.output(name, *value);
    }
    for (name, gradient) in names.iter().zip(gradients) {
        g.output(&format!("gradient.{name}"), gradient);
    }
    let bytes = export::model(g, &export::Description::default(), &BTreeMap::new());
    let mut session =
        crate::runtime::runtime().session(&bytes, BTreeMap::new(), &SessionOptions::default()).unwrap();
    let given: Vec<(&str, &Tensor)> = names.into_iter().zip(inputs).collect();
    let outputs = session.run(&given).unwrap();
    let floats = |name: &str| outputs.get(name).map_or_else(Vec::new, |t| t.as_f32().unwrap().to_vec());
    Term1 {
        losses: floats("losses"),
        first_share: floats("mlc/first_share"),
        gradients: (0..inputs.len()).map(|input| floats(&format!("gradient.{}", names[input]))).collect(),
    }
}

/// States of `languages` languages with the same cosine between any two.
fn with_cosine(languages: usize, cosine: f64) -> Tensor {
    let width = languages + 1;
    let mut values = vec![0.0; languages * width];
    for lang in 0..languages {
        // Lengths do not matter.
        let length = 1.0 + lang as f64;
        values[lang * width] = (length * cosine.sqrt()) as f32;
        values[lang * width + lang + 1] = (length * (1.0 - cosine).sqrt()) as f32;
    }
    Tensor::f32(&[1, languages, width], values).unwrap()
}

#[test]
fn the_table_of_the_methods_holds_in_both_scales() {
    let cosines = [1.0, 0.9, 0.5, 0.2, 0.0];
    // Each with half a unit of its last printed digit, or what single precision leaves of 1 + 1e-6.
    let scaled = [(0.0589, 5e-5), (0.0975, 5e-5), (0.2420, 5e-5), (0.6302, 5e-5), (LN_10, 5e-5)];
    let plain = [(1.2e-6, 1.5e-7), (1.2e-5, 6e-7), (0.0025, 5e-5), (0.168, 5e-4), (LN_10, 5e-5)];
    for (sigma_scale, expected) in [(SigmaScale::DetachFirst, scaled), (SigmaScale::None, plain)] {
        for (cosine, (expected, most)) in cosines.into_iter().zip(expected) {
            let got = compute(&auxiliary(mlc(0.2, sigma_scale), 10), &[with_cosine(10, cosine)]).losses[0];
            assert!((f64::from(got) - expected).abs() <= most, "{sigma_scale:?}, cosine {cosine}: {got}");
        }
    }
    // Two languages that agree: the floor log(1 + e^-5).
    let floor = compute(&auxiliary(mlc(0.2, SigmaScale::DetachFirst), 2), &[with_cosine(2, 1.0)]).losses[0];
    assert!((floor - 0.0067).abs() < 5e-5, "{floor}");
    let cosine = compute(&auxiliary(Term::Cosine, 10), &[with_cosine(10, 0.3)]).losses[0];
    assert!((cosine - 0.7).abs() < 1e-6, "{cosine}");
}

#[test]
fn where_singular_values_vanish_or_are_equal_gradients_are_finite() {
    let term = auxiliary(mlc(0.2, SigmaScale::DetachFirst), 10);
    let same = compute(&term, &[with_cosine(10, 1.0)]);
    assert!((same.first_share[0] - 1.0).abs() < 1e-4, "{:?}", same.first_share);
    assert!(same.gradients[0].iter().all(|value| value.abs() < 1e-2), "{:?}", same.gradients[0]);
    let apart = compute(&term, &[with_cosine(10, 0.0)]);
    assert!((apart.first_share[0] - 0.1).abs() < 1e-4, "{:?}", apart.first_share);
    assert!(apart.gradients[0].iter().all(|value| value.is_finite()));
    let nothing = Tensor::f32(&[1, 10, 4], vec![0.0; 40]).unwrap();
    assert!(compute(&term, &[nothing]).gradients[0].iter().all(|value| value.is_finite()));
}

fn term_of(facts: &Json) -> Term {
    if facts["term"] == "cosine" {
        return Term::Cosine;
    }
    let scaled = facts["sigma_scale"] == "detach-first";
    mlc(facts["tau"].as_f64().unwrap(), if scaled { SigmaScale::DetachFirst } else { SigmaScale::None })
}

#[test]
fn losses_and_gradients_are_those_of_pytorchs_decomposition() {
    let (facts, values) = case("auxiliary");
    for (name, case) in facts["alone"].as_object().unwrap() {
        let shape = case["shape"].as_str().unwrap();
        let inputs = ["states", "weight", "bias"].map(|what| {
            let (shape, values) = &values[&format!("{shape}.{what}")];
            Tensor::f32(shape, values.clone()).unwrap()
        });
        let aux = auxiliary(term_of(case), inputs[0].shape()[1]);
        let got = compute(&aux, &inputs);
        let losses: Vec<f32> =
            case["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap() as f32).collect();
        assert_close(&format!("{name}: losses"), &got.losses, &losses, TRAINING);
        for (what, gradient) in ["states", "weight", "bias"].into_iter().zip(&got.gradients) {
            let expected = &values[&format!("{name}.gradient.{what}")].1;
            assert_close(&format!("{name}: gradient of {what}"), gradient, expected, 5e-4);
        }
    }
}

#[test]
fn gradients_are_those_of_central_differences() {
    let (_, values) = case("auxiliary");
    let (shape, states) = &values["five.states"];
    // Without the scale taken as a constant, the loss is the function whose gradient is computed.
    for term in [mlc(0.7, SigmaScale::None), Term::Cosine] {
        let aux = auxiliary(term, shape[1]);
        let at = |states: Vec<f32>| compute(&aux, &[Tensor::f32(shape, states).unwrap()]);
        let gradient = &at(states.clone()).gradients[0];
        for direction in 0..4_u32 {
            let along: Vec<f32> =
                (0..states.len() as u32).map(|n| ((n * 7 + 13 * direction) as f32).sin()).collect();
            let step = 1e-3_f32;
            let moved = |sign: f32| -> f64 {
                let states = states.iter().zip(&along).map(|(x, d)| x + sign * step * d).collect();
                at(states).losses.iter().copied().map(f64::from).sum()
            };
            let numeric = (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(step));
            let exact: f64 = gradient.iter().zip(&along).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
            assert!((numeric - exact).abs() < 1e-3 + 2e-2 * exact.abs(), "{term:?}: {numeric} {exact}");
        }
    }
}

fn plan_of(facts: &Json) -> Auxiliary {
    let width = facts["extractor"].as_bool().unwrap().then_some(24);
    Auxiliary {
        weight: facts["weight"].as_f64().unwrap(),
        depth: Depth::Layer(facts["layer"].as_u64().unwrap() as usize),
        extractor: width.map(|width| Extractor { width, init: ExtractorInit::Kaiming, learning_rate: None }),
        ..auxiliary(term_of(facts), 4)
    }
}

/// One batch of the golden pairs with the prompts of their questions.
fn batch(facts: &Json, packing: Packing) -> Batch {
    let examples = examples(&facts["rows"]);
    let examples: Vec<&Example> = examples.iter().collect();
    let ids = |row: &Json| -> Vec<u32> {
        row.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    };
    let prompts: Vec<Vec<u32>> =
        facts["questions"].as_array().unwrap().iter().flat_map(|q| q.as_array().unwrap()).map(ids).collect();
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let mut batch = Batch::with_prompts(&examples, &prompts, packing);
    // Pairs 0 and 2 ask the first question.
    batch.anchor_weights = vec![2.0 / 3.0, 1.0 / 3.0];
    batch
}

fn plan(facts: &Json, name: &str) -> Settings {
    let mut training = settings("dpo");
    training.auxiliary = Some(plan_of(&facts["within"][name]));
    training
}

fn begin(facts: &Json, values: &super::Tensors, training: &Settings, form: Form) -> Start {
    let mut all = values.clone();
    // The extractor's first values lie beside the adapters'.
    for what in ["weight", "bias"] {
        let value = values[&format!("initial.extractor.{what}")].clone();
        all.insert(format!("initial.base_model.model.extractor.{what}"), value);
    }
    start_from("tied", training, lora_of(facts).as_ref(), form, &all)
}

#[test]
fn beside_an_objective_losses_and_gradients_are_those_of_pytorch() {
    let (facts, values) = case("auxiliary");
    for (name, case) in facts["within"].as_object().unwrap() {
        let training = plan(&facts, name);
        for (packing, recompute) in [(Packing::On, false), (Packing::Off, false), (Packing::On, true)] {
            let form = Form { recompute, ..Form::default() };
            let mut start = begin(&facts, &values, &training, form);
            let reported = start.stepper.gradient(&[batch(&facts, packing)], 3).unwrap();
            let metric = format!("{}/loss", training.auxiliary.as_ref().unwrap().term.name());
            for (got, expected) in [(reported.loss, "loss"), (reported.metrics[&metric], "auxiliary_loss")] {
                let expected = case[expected].as_f64().unwrap();
                assert_close(&format!("{name}: {metric}"), &[got as f32], &[expected as f32], TRAINING);
            }
            let mut expected = values.clone();
            for what in ["weight", "bias"] {
                if let Some(value) = values.get(&format!("gradient.{name}.extractor.{what}")) {
                    expected
                        .insert(format!("gradient.{name}.base_model.model.extractor.{what}"), value.clone());
                }
            }
            check_gradients_of(name, &format!("gradient.{name}.base_model.model."), &start, &expected);
        }
    }
}

#[test]
fn without_prompts_the_objective_is_alone_and_the_extractor_rests() {
    let (facts, values) = case("auxiliary");
    let training = plan(&facts, "dpo-mlc-last");
    assert_eq!(training.loss.unit(), Unit::Example);
    let mut start = begin(&facts, &values, &training, Form::default());
    let rows = examples(&facts["rows"]);
    let mut plain = Batch::new(&rows.iter().collect::<Vec<_>>(), Packing::On);
    plain.anchors = vec![0; 4];
    plain.anchor_weights = vec![0.0];
    let reported = start.stepper.gradient(&[plain], 3).unwrap();
    let alone = facts["within"]["dpo-mlc-last"]["objective_loss"].as_f64().unwrap();
    assert_close("objective", &[reported.loss as f32], &[alone as f32], TRAINING);
    let auxiliary = start.training.layout.auxiliary();
    let gradient = start.stepper.read_gradient().unwrap();
    let gradient = gradient.as_f32().unwrap();
    let split = gradient.len() - auxiliary;
    assert!(gradient[split..].iter().all(|value| *value == 0.0));
    assert!(gradient[..split].iter().any(|value| *value != 0.0));

    // A step with the term moves moments of the extractor; a step without leaves values and moments as they are.
    let optimizer = training.optimizer;
    start.stepper.gradient(&[batch(&facts, Packing::On)], 3).unwrap();
    start.stepper.update(&optimizer.rates_with_auxiliary(1e-3, 1, Some((1e-3, 1)))).unwrap();
    let before = start.stepper.state(1).unwrap();
    assert!(before.first[split..].iter().any(|value| *value != 0.0));
    start.stepper.gradient(&[batch(&facts, Packing::On)], 3).unwrap();
    start.stepper.update(&optimizer.rates_with_auxiliary(1e-3, 2, None)).unwrap();
    let after = start.stepper.state(2).unwrap();
    let rests = |vectors: [&[f32]; 2]| vectors[0][split..] == vectors[1][split..];
    assert!(rests([&before.trainable, &after.trainable]));
    assert!(rests([&before.first, &after.first]) && rests([&before.second, &after.second]));
    assert!(before.trainable[..split] != after.trainable[..split]);
}
