//! The graph compiler, through the real runtime: gradients against central differences, facts against what runs.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod broadcasting;
mod dump;
mod gradients;
mod network;
mod numeric;

use std::collections::BTreeMap;

use chorale::{
    graph::{Graph, Value, export},
    runtime::{Session, SessionOptions},
    tensor::Tensor,
};

/// A session of a graph without weights.
fn session(g: &Graph) -> Session {
    let bytes = export::model(g, &export::Description::default(), &BTreeMap::new());
    crate::runtime::runtime().session(&bytes, BTreeMap::new(), &SessionOptions::default()).unwrap()
}

/// Runs a graph without weights on the inputs it declares, in their order.
fn run(g: &Graph, inputs: &[Tensor]) -> BTreeMap<String, Tensor> {
    session(g).run(&named(g, g.inputs(), inputs)).unwrap()
}

fn named<'a>(g: &'a Graph, values: &[Value], tensors: &'a [Tensor]) -> Vec<(&'a str, &'a Tensor)> {
    values.iter().map(|value| g.name(*value)).zip(tensors).collect()
}
