//! A smooth limit on scores and logits (Gemma 2).

use crate::graph::{Graph, Value, op};

/// `most * tanh(x / most)`: every element between `-most` and `most`, small ones nearly as they are.
pub fn cap(g: &mut Graph, x: Value, most: f64) -> Value {
    let most = g.scalar(most, g.dtype(x));
    let ratio = op::div(g, x, most);
    let limited = op::tanh(g, ratio);
    op::mul(g, limited, most)
}
