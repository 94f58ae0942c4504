//! A training graph as the trainer runs it, whoever wrote it: the bytes of the file and what its names stand for.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    graph::{TrainingGraph, name},
    layout::Layout,
};
use crate::{
    graph::export::{self, Description},
    model::{auxiliary::Auxiliary, loss::Loss},
};

/// A training graph in the form that [`name`] describes.
#[derive(Clone, Debug)]
pub struct Program {
    /// The ONNX file. Frozen weights are external initializers.
    pub onnx: Vec<u8>,
    /// Where each trainable tensor lies in the flat vector.
    pub layout: Layout,
    /// The objective.
    pub loss: &'static dyn Loss,
    /// What is added to the objective.
    pub auxiliary: Option<Auxiliary>,
    /// The names of its inputs.
    pub inputs: BTreeSet<String>,
    /// The names of the metrics among its outputs.
    pub metrics: Vec<String>,
    /// The names of the frozen weights, each with its number of elements.
    pub frozen: BTreeMap<String, usize>,
}

impl Program {
    /// Whether examples may share rows: whether the graph looks at segments and positions.
    pub fn packs(&self) -> bool {
        [name::SEGMENTS, name::POSITIONS].iter().all(|input| self.inputs.contains(*input))
    }
}

impl From<&TrainingGraph> for Program {
    fn from(training: &TrainingGraph) -> Self {
        let graph = &training.graph;
        let elements = |value| graph.fact(value).known_shape().map_or(0, |shape| shape.iter().product());
        Self {
            onnx: export::model(graph, &Description::default(), &BTreeMap::new()),
            layout: training.layout.clone(),
            loss: training.loss,
            auxiliary: training.auxiliary.clone(),
            inputs: graph.inputs().iter().map(|input| graph.name(*input).to_owned()).collect(),
            metrics: training.metrics.iter().map(ToString::to_string).collect(),
            frozen: (graph.used_initializers().into_iter())
                .map(|weight| (graph.name(weight).to_owned(), elements(weight)))
                .collect(),
        }
    }
}
