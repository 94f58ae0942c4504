//! The gated feed-forward layer.

use crate::{
    graph::{Graph, Value, op},
    model::parameter::{Parameters, linears},
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
    let matrix = |name: &str| (format!("{path}.{name}.weight"), [inner, width]);
    let [gate, up] = linears(weights, g, x, &[matrix("gate_proj"), matrix("up_proj")]);
    let silu = op::silu(g, gate);
    let gated = op::mul(g, silu, up);
    weights.linear(g, &format!("{path}.down_proj.weight"), gated, [width, inner])
}
