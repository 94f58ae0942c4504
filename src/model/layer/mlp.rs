//! The gated feed-forward layer.

use super::{Activation, Bias, projection, projections};
use crate::{
    graph::{Graph, Value, op},
    model::parameter::Parameters,
};

/// The shape of a gated feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedForward {
    /// Width of what goes in and comes out.
    pub width: usize,
    /// Units in between.
    pub inner: usize,
    /// What the gate goes through: SwiGLU has SiLU, GeGLU a GELU.
    pub activation: Activation,
    /// Whether its three linear layers have a bias.
    pub bias: Bias,
}

/// `down(activation(gate(x)) * up(x))` (Shazeer 2020): `x [.., width] -> [.., width]` through `inner` units. The linear
/// layers are `{path}.gate_proj`, `{path}.up_proj` and `{path}.down_proj`.
pub fn feed_forward(
    g: &mut Graph,
    weights: &mut dyn Parameters,
    path: &str,
    x: Value,
    shape: FeedForward,
) -> Value {
    let FeedForward { width, inner, activation, bias } = shape;
    let layer = |name: &str| (format!("{path}.{name}"), [inner, width]);
    let [gate, up] = projections(g, weights, x, &[layer("gate_proj"), layer("up_proj")], bias);
    let gate = activation.apply(g, gate);
    let gated = op::mul(g, gate, up);
    projection(g, weights, gated, (format!("{path}.down_proj"), [width, inner]), bias)
}
