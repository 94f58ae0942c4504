//! Values of the forward pass that the backward pass computes again instead of keeping them.
//!
//! The forward pass is cut into segments, one per layer. While the reverse sweep is in a segment, gradient rules are given
//! copies of the segment's nodes, which start from the values that enter the segment; so those are all that is kept from
//! forward to backward, and inside a segment no more lives than while its gradient is computed.
//!
//! A library may run a node as soon as its inputs are there, and may merge nodes that compute the same. Neither may happen
//! to the copies: run early, or merged with the originals, they would keep what they were to free. So what enters a segment
//! enters its copy by way of an addition of zero: the sum over empty slices of the gradients that have been computed before.
//! That costs one pass over a layer's input, is exact, and no optimizer can know that it is nothing. The slices are taken of
//! *all* gradients that are finished by then, so the gradients of one layer's weights are computed, and what they needed is
//! free, before the next layer's copy begins.

use std::{collections::BTreeMap, ops::Range};

use super::super::{Dim, Graph, Node, Source, Value, op};
use crate::tensor::DType;

/// Which nodes are computed again.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// Segments by the first part of their path and its number, in the order of the graph.
    ranges: Vec<Range<usize>>,
    /// For every value, whether it depends on what is different in every run.
    varies: Vec<bool>,
}

impl Segments {
    /// One segment for every number N of which there are nodes with a path `{name}.N.` so far. Only what depends on
    /// `source` is computed again.
    pub fn numbered(g: &Graph, name: &str, source: Value) -> Self {
        let mut ranges: Vec<(&str, Range<usize>)> = Vec::new();
        for (index, node) in g.nodes().iter().enumerate() {
            let Some(number) = numbered(&node.path, name) else { continue };
            match ranges.last_mut() {
                Some((last, range)) if *last == number => range.end = index + 1,
                _ => ranges.push((number, index..index + 1)),
            }
        }
        Self { ranges: ranges.into_iter().map(|(_, range)| range).collect(), varies: dependent(g, source) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is computed again.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn of(&self, node: usize) -> Option<usize> {
        let after = self.ranges.partition_point(|range| range.end <= node);
        self.ranges.get(after).filter(|range| range.contains(&node)).map(|_| after)
    }
}

/// `N` of a path that begins with `name.N.`.
fn numbered<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    path.strip_prefix(name)?.strip_prefix('.')?.split_once('.').map(|(number, _)| number)
}

/// For every value, whether it depends on `source`.
fn dependent(g: &Graph, source: Value) -> Vec<bool> {
    let mut dependent = vec![false; g.wires.len()];
    dependent[source.0 as usize] = true;
    for node in g.nodes() {
        if node.inputs.iter().flatten().any(|input| dependent[input.0 as usize]) {
            node.outputs.iter().for_each(|output| dependent[output.0 as usize] = true);
        }
    }
    dependent
}

/// The copy of one segment.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) segment: usize,
    values: BTreeMap<Value, Value>,
}

impl Copy {
    /// Copies a segment. It runs after all of `gradients` are known.
    pub(super) fn new(g: &mut Graph, segments: &Segments, segment: usize, gradients: &[Value]) -> Self {
        let mut copy = Self { segment, values: BTreeMap::new() };
        let range = segments.ranges[segment].clone();
        g.scope("recompute", |g| {
            let nothing = nothing(g, gradients);
            for index in range.clone() {
                let node = g.nodes()[index].clone();
                copy.enter(g, segments, &range, &node, nothing);
                copy.node(g, &node);
            }
        });
        copy
    }

    /// Lets in what `node` reads from outside of the segment.
    fn enter(
        &mut self,
        g: &mut Graph,
        segments: &Segments,
        range: &Range<usize>,
        node: &Node,
        nothing: Value,
    ) {
        for input in node.inputs.iter().flatten() {
            let outside = matches!(g.source(*input), Source::Node(from) if !range.contains(from));
            let varies = segments.varies.get(input.0 as usize).copied().unwrap_or(false);
            if outside && varies && g.dtype(*input).is_float() && !self.values.contains_key(input) {
                let nothing = op::cast(g, nothing, g.dtype(*input));
                let entered = op::add(g, *input, nothing);
                self.values.insert(*input, entered);
            }
        }
    }

    /// Copies a node of which an input has a copy.
    fn node(&mut self, g: &mut Graph, node: &Node) {
        if !node.inputs.iter().flatten().any(|input| self.values.contains_key(input)) {
            return;
        }
        let inputs: Vec<Option<Value>> = node.inputs.iter().map(|input| input.map(|v| self.of(v))).collect();
        let scope = node.path.rsplit_once('.').map_or("", |(scope, _)| scope);
        let outputs = g.scope(scope, |g| g.apply_shared(node.op.clone(), &inputs));
        self.values.extend(node.outputs.iter().copied().zip(outputs));
    }

    /// A value's copy, or the value itself if there is none.
    pub(super) fn of(&self, value: Value) -> Value {
        self.values.get(&value).copied().unwrap_or(value)
    }
}

/// Zero, f32 without axes, once all of `values` are known.
fn nothing(g: &mut Graph, values: &[Value]) -> Value {
    let empty: Vec<Value> = values
        .iter()
        .map(|value| {
            let length = Dim::product(&g.shape(*value));
            let flat = op::reshape(g, *value, &[length]);
            let empty = op::slice(g, flat, 0, 0, 0);
            op::cast(g, empty, DType::F32)
        })
        .collect();
    let empty = op::concat(g, &empty, 0);
    op::reduce_sum(g, empty, &[0], op::KeepDims::No)
}
