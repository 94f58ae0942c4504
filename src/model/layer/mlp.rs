//! The gated feed-forward layer.

use crate::{
    graph::{Graph, Value, op},
    model::parameter::Parameters,
};

/// SwiGLU (Shazeer 2020): `down(silu(gate(x)) * up(x))`, `x [.., width] -> [.., width]` through `inner` units. The
/// matrices are `{path}.gate_proj.weight`, `{path}.up_proj.weight` and `{path}.down_proj.weight`.
pub fn swiglu(
    g: &mut Graph,
    weights: &mut dyn Parameters,
    path: &str,
    x: Value,
    [width, inner]: [usize; 2],
) -> Value {
    let gate = weights.linear(g, &format!("{path}.gate_proj.weight"), x, [inner, width]);
    let up = weights.linear(g, &format!("{path}.up_proj.weight"), x, [inner, width]);
    let silu = op::silu(g, gate);
    let gated = op::mul(g, silu, up);
    weights.linear(g, &format!("{path}.down_proj.weight"), gated, [width, inner])
}
