//! Every operator: its gradient against central differences, its facts against what the runtime returns.

use std::{collections::BTreeSet, path::Path};

use chorale::{
    graph::{
        Graph, Value,
        op::{self, Case, Content, OPS, Operand},
    },
    random::Draws,
    tensor::{DType, Tensor, close::relative_error},
};
use ndarray::{ArrayD, IxDyn};

use super::{
    numeric::{numbers, worst_gradient_error},
    run,
};

fn content(case: &Case, operand: &Operand, item: &str) -> Tensor {
    let mut draws = Draws::new(0, item, 0);
    let count: usize = operand.shape.iter().product();
    let shape = IxDyn(&operand.shape);
    match operand.content {
        Content::Real(low, high) => {
            let numbers: Vec<f64> = (0..count).map(|_| low + (high - low) * draws.uniform()).collect();
            match case.dtype {
                DType::F64 => Tensor::f64(&operand.shape, numbers).unwrap(),
                _ => Tensor::f32(&operand.shape, numbers.into_iter().map(|x| x as f32).collect()).unwrap(),
            }
        }
        Content::Index(bound) => {
            Tensor::i64(&operand.shape, (0..count).map(|_| draws.below(bound) as i64).collect()).unwrap()
        }
        Content::Given(numbers) => Tensor::i64(&operand.shape, numbers.to_vec()).unwrap(),
        Content::GivenI32(numbers) => Tensor::i32(&operand.shape, numbers.to_vec()).unwrap(),
        Content::Truth => Tensor::Bool(
            ArrayD::from_shape_vec(shape, (0..count).map(|_| draws.below(2) == 1).collect()).unwrap(),
        ),
    }
}

#[test]
fn every_gradient_agrees_with_central_differences() {
    let (mut cases, mut compared) = (0, 0);
    for row in OPS {
        for case in (row.cases)() {
            let name = format!("{}: {}", row.name, case.name);
            let tensors: Vec<Tensor> = (case.operands.iter().enumerate())
                .map(|(index, operand)| content(&case, operand, &format!("{name} {index}")))
                .collect();
            let checked: Vec<usize> =
                (0..tensors.len()).filter(|index| case.operands[*index].checked).collect();
            let (error, count) = worst_gradient_error(&name, &tensors, &checked, case.build);
            assert!(error <= case.tolerance.relative(), "{name}: relative error {error:e}");
            cases += 1;
            compared += count;
        }
    }
    assert!(cases >= 90, "{cases} cases");
    assert!(compared >= 700, "{compared} numbers compared");
}

#[test]
fn every_operator_file_has_a_row_with_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graph/op");
    let shared = ["mod", "case", "rule"];
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !shared.contains(&name.as_str()))
        .collect();
    let rows: BTreeSet<String> = OPS.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(files, rows);
    assert!(rows.len() >= 55, "{}", rows.len());
    for row in OPS {
        assert!(!(row.cases)().is_empty(), "{} has no cases", row.name);
    }
}

#[test]
fn operators_round_trip_through_symbolic_shapes() {
    // The same cases with every extent a symbol where the operator allows it would mix two things; this holds what differs:
    // shapes that are computed at run time, forward and backward.
    let mut g = Graph::new();
    let x = g.input("x", DType::F64, &chorale::dims!["batch", "time", 4]);
    let fold = |g: &mut Graph, x: Value| {
        let shape = g.shape(x);
        let [batch, time, _] = &shape[..] else { panic!("three axes") };
        let heads = op::reshape(g, x, &chorale::dims![batch, time, 2, 2]);
        let heads = op::transpose(g, heads, &[0, 2, 1, 3]);
        let keys = op::transpose_last(g, heads);
        let scores = op::matmul(g, heads, keys);
        let weights = op::softmax(g, scores, -1);
        let mixed = op::matmul(g, weights, heads);
        let back = op::transpose(g, mixed, &[0, 2, 1, 3]);
        let back = op::reshape(g, back, &shape);
        let mean = op::reduce_mean(g, back, &[0, 1], op::KeepDims::No);
        let square = op::mul(g, mean, mean);
        op::reduce_sum(g, square, &[], op::KeepDims::No)
    };
    let loss = fold(&mut g, x);
    let d = chorale::graph::backward::gradients(&mut g, loss, &[x]);
    g.output("loss", loss);
    g.output("d", d[0]);
    let mut known = Graph::new();
    let y = known.input("x", DType::F64, &chorale::dims![2, 3, 4]);
    let loss = fold(&mut known, y);
    let d = chorale::graph::backward::gradients(&mut known, loss, &[y]);
    known.output("loss", loss);
    known.output("d", d[0]);
    let mut draws = Draws::new(3, "symbolic", 0);
    let input = Tensor::f64(&[2, 3, 4], (0..24).map(|_| draws.normal()).collect()).unwrap();
    let symbolic = run(&g, std::slice::from_ref(&input));
    let fixed = run(&known, std::slice::from_ref(&input));
    for name in ["loss", "d"] {
        assert!(relative_error(&numbers(&symbolic[name]), &numbers(&fixed[name])) < 1e-14, "{name}");
    }
    let (error, compared) = worst_gradient_error("attention", &[input], &[0], |g, v| fold(g, v[0]));
    assert!(error < 1e-6 && compared == 24, "{error:e}, {compared}");
}
