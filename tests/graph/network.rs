//! A whole small network: two layers with cross-entropy, its gradient, weights from outside, and what is left out.

use std::{collections::BTreeMap, sync::Arc};

use chorale::{
    dims,
    graph::{Dim, Graph, Value, backward::gradients, export, op},
    random::Draws,
    runtime::SessionOptions,
    tensor::{DType, Tensor},
};

use super::numeric::{numbers, worst_gradient_error};

fn normal(shape: &[usize], item: &str) -> Vec<f64> {
    let mut draws = Draws::new(9, item, 0);
    (0..shape.iter().product()).map(|_| draws.normal()).collect()
}

/// Mean cross-entropy of a perceptron: rows `[N,3]`, labels `[N]`, weights `[5,3]`, `[5]`, `[4,5]`.
fn cross_entropy(g: &mut Graph, v: &[Value]) -> Value {
    let [rows, labels, first, bias, second] = v else { panic!("five inputs") };
    let hidden = g.scope("layers.0", |g| {
        let product = op::linear(g, *rows, *first);
        let sum = op::add(g, product, *bias);
        op::tanh(g, sum)
    });
    let logits = g.scope("layers.1", |g| op::linear(g, hidden, *second));
    let log_p = op::token_log_probability(g, logits, *labels);
    let mean = op::reduce_mean(g, log_p, &[], op::KeepDims::No);
    op::neg(g, mean)
}

#[test]
fn the_gradient_of_a_perceptron_with_cross_entropy_agrees_with_differences() {
    let shapes: [&[usize]; 5] = [&[6, 3], &[6], &[5, 3], &[5], &[4, 5]];
    let tensors: Vec<Tensor> = (shapes.iter().enumerate())
        .map(|(index, shape)| match index {
            1 => Tensor::i64(shape, vec![0, 1, 2, 3, 1, 1]).unwrap(),
            _ => Tensor::f64(shape, normal(shape, &index.to_string())).unwrap(),
        })
        .collect();
    let (error, compared) = worst_gradient_error("perceptron", &tensors, &[0, 2, 3, 4], cross_entropy);
    assert!(error < 1e-6, "{error:e}");
    assert_eq!(compared, 18 + 15 + 5 + 20);
}

#[test]
fn token_log_probability_agrees_with_its_composition_on_extreme_logits() {
    let mut g = Graph::new();
    let logits = g.input("logits", DType::F32, &dims!["rows", 4]);
    let labels = g.input("labels", DType::I64, &dims!["rows"]);
    let fused = op::token_log_probability(&mut g, logits, labels);
    let all = op::log_softmax(&mut g, logits, -1);
    let positions = op::unsqueeze(&mut g, labels, &[1]);
    let picked = op::gather_elements(&mut g, all, positions, 1);
    let composed = op::squeeze(&mut g, picked, &[1]);
    for (name, value) in [("fused", fused), ("composed", composed)] {
        let loss = op::reduce_sum(&mut g, value, &[], op::KeepDims::No);
        let d = gradients(&mut g, loss, &[logits]);
        g.output(name, value);
        g.output(&format!("d_{name}"), d[0]);
    }
    let rows = vec![300.0, 0.0, -300.0, 1.0, 0.1, 0.2, 0.3, 0.4];
    let inputs = [Tensor::f32(&[2, 4], rows).unwrap(), Tensor::i64(&[2], vec![2, 3]).unwrap()];
    let outputs = super::run(&g, &inputs);
    assert_eq!(outputs["fused"], outputs["composed"]);
    assert_eq!(numbers(&outputs["fused"])[0], -600.0);
    let (fused, composed) = (numbers(&outputs["d_fused"]), numbers(&outputs["d_composed"]));
    assert!(fused.iter().zip(&composed).all(|(a, b)| (a - b).abs() < 1e-6), "{fused:?} {composed:?}");
}

#[test]
fn weights_enter_by_name_and_frozen_ones_cost_no_gradient() {
    let mut g = Graph::new();
    let rows = g.input("rows", DType::F32, &dims!["batch", 3]);
    let frozen = g.initializer("frozen.weight", DType::F32, &[2, 3]);
    let unused = g.initializer("unused.weight", DType::F32, &[7]);
    let trained = g.input("trained", DType::F32, &dims![2]);
    let product = op::linear(&mut g, rows, frozen);
    let scaled = op::mul(&mut g, product, trained);
    let loss = op::reduce_sum(&mut g, scaled, &[], op::KeepDims::No);
    let before = g.dump().lines().count();
    let d = gradients(&mut g, loss, &[trained, unused]);
    g.output("d_trained", d[0]);
    g.output("d_unused", d[1]);
    assert!(before > 0 && g.dump().matches("Gemm").count() == 1, "{}", g.dump());
    assert_eq!(g.used_initializers(), [frozen]);
    let bytes = export::model(&g, &export::Description::default(), &BTreeMap::new());
    let weight = Tensor::f32(&[2, 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
    let weights = BTreeMap::from([("frozen.weight".to_owned(), Arc::new(weight))]);
    let runtime = crate::runtime::runtime();
    let mut session = runtime.session(&bytes, weights, &SessionOptions::default()).unwrap();
    let rows = Tensor::f32(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let trained = Tensor::f32(&[2], vec![1.0, 1.0]).unwrap();
    let outputs = session.run(&[("rows", &rows), ("trained", &trained)]).unwrap();
    assert_eq!(numbers(&outputs["d_trained"]), [5.0, 7.0]);
    assert_eq!(numbers(&outputs["d_unused"]), [0.0; 7]);
}

#[test]
fn one_value_may_be_several_outputs_and_an_input_may_be_one() {
    let mut g = Graph::new();
    let x = g.input("x", DType::F32, &[Dim::symbol("n")]);
    let y = op::neg(&mut g, x);
    g.output("first", y);
    g.output("second", y);
    g.output("same", x);
    let outputs = super::run(&g, &[Tensor::f32(&[2], vec![1.0, -2.0]).unwrap()]);
    assert_eq!(numbers(&outputs["first"]), [-1.0, 2.0]);
    assert_eq!(outputs["first"], outputs["second"]);
    assert_eq!(numbers(&outputs["same"]), [1.0, -2.0]);
}
