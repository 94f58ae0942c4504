//! A matrix applied to the last axis.

use crate::graph::{Graph, Value, op};

/// `x · Wᵀ`: `x [.., inputs]`, `weight [outputs, inputs]` -> `[.., outputs]`.
pub fn linear(g: &mut Graph, x: Value, weight: Value) -> Value {
    op::linear(g, x, weight)
}
