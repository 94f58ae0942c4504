//! Sums a gradient down to the shape of the input that was broadcast.

use super::super::{Dim, Graph, Value, broadcast, op, shape_text};
use crate::{failure::bug, graph::op::KeepDims};

/// The gradient by `input`, in a shape that is the input's or broadcasts to it. `stretched_to` is the output whose shape the
/// input was stretched to, if the operator does that.
pub(crate) fn to_input(g: &mut Graph, stretched_to: Option<Value>, input: Value, gradient: Value) -> Value {
    let target = g.shape(input);
    let mut gradient = gradient;
    if let Some(output) = stretched_to {
        let full = g.shape(output);
        // A narrow gradient stands for equal numbers along its short axes. Where the input was stretched, these are summed.
        if full != target && stretched(&target, &full).any(|axis| is_short(&g.shape(gradient), &full, axis)) {
            gradient = op::expand(g, gradient, &full);
        }
    }
    let shape = g.shape(gradient);
    if broadcast(&shape, &target).as_ref() == Ok(&target) {
        return gradient;
    }
    sum_to(g, gradient, &target)
}

/// Axes of `full` along which a tensor of shape `narrow` was repeated.
fn stretched<'a>(narrow: &'a [Dim], full: &'a [Dim]) -> impl Iterator<Item = usize> + 'a {
    (0..full.len()).filter(|axis| is_short(narrow, full, *axis))
}

fn is_short(narrow: &[Dim], full: &[Dim], axis: usize) -> bool {
    let own = (axis + narrow.len()).checked_sub(full.len()).and_then(|axis| narrow.get(axis));
    own != Some(&full[axis])
}

/// Sums over every axis that `target` lacks or has with extent 1. Any other difference in shape is a bug.
fn sum_to(g: &mut Graph, gradient: Value, target: &[Dim]) -> Value {
    let shape = g.shape(gradient);
    let extra = shape.len().saturating_sub(target.len());
    let mut axes = Vec::new();
    let mut inner = false;
    for (axis, dim) in shape.iter().enumerate() {
        let own = axis.checked_sub(extra).map(|axis| &target[axis]);
        if own == Some(dim) {
            continue;
        }
        if own.is_some_and(|own| !own.is(1)) {
            bug(format!("a gradient {} for shape {}", shape_text(&shape), shape_text(target)));
        }
        inner |= own.is_some();
        axes.push(axis as i64);
    }
    if inner {
        let summed = op::reduce_sum(g, gradient, &axes, KeepDims::Yes);
        op::reshape(g, summed, target)
    } else {
        op::reduce_sum(g, gradient, &axes, KeepDims::No)
    }
}
