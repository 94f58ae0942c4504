//! The text form of a graph with its gradient: a change of any rule shows here.

use std::path::Path;

use chorale::{
    dims,
    graph::{Graph, backward::gradients, op},
    tensor::DType,
};

#[test]
fn the_text_of_a_small_training_graph_is_stable() {
    let mut g = Graph::new();
    let x = g.input("x", DType::F32, &dims!["batch", "time", 4]);
    let labels = g.input("labels", DType::I64, &dims!["batch", "time"]);
    let weight = g.initializer("weight", DType::F32, &[6, 4]);
    let logits = g.scope("head", |g| op::linear(g, x, weight));
    let rows = g.shape(labels)[0].times(&g.shape(labels)[1]);
    let loss = g.scope("loss", |g| {
        let logits = op::reshape(g, logits, &[rows.clone(), 6.into()]);
        let labels = op::reshape(g, labels, &[rows]);
        let log_p = op::token_log_probability(g, logits, labels);
        let mean = op::reduce_mean(g, log_p, &[], op::KeepDims::No);
        op::neg(g, mean)
    });
    let d = gradients(&mut g, loss, &[x, weight]);
    g.output("loss", loss);
    g.output("d_x", d[0]);
    g.output("d_weight", d[1]);
    crate::support::golden::assert_golden(Path::new("tests/fixtures/graph/head.txt"), &g.dump());
}
