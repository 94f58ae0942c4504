//! From the vectors of tokens to the vector of a text.

use serde::{Deserialize, Serialize};

use crate::{
    graph::{Graph, Value, op},
    tensor::DType,
};

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    Cls,
}

/// `hidden [B,T,D]`, `mask` i64 `[B,T]` (1 for tokens) -> f32 `[B,D]`.
pub fn pool(g: &mut Graph, hidden: Value, mask: Value, pooling: Pooling) -> Value {
    let hidden = op::cast(g, hidden, DType::F32);
    match pooling {
        Pooling::Cls => {
            let first = op::slice(g, hidden, 1, 0, 1);
            op::squeeze(g, first, &[1])
        }
        Pooling::Mean => {
            let mask = op::cast(g, mask, DType::F32);
            let mask = op::unsqueeze(g, mask, &[2]); // [B,T] -> [B,T,1]
            let kept = op::mul(g, hidden, mask);
            let sum = op::reduce_sum(g, kept, &[1], op::KeepDims::No);
            let count = op::reduce_sum(g, mask, &[1], op::KeepDims::No); // [B,1]
            let least = g.scalar(1e-9, DType::F32);
            let count = op::max(g, count, least);
            op::div(g, sum, count)
        }
    }
}

/// Vectors of length 1: `x [B,D] -> [B,D]`; a vector of zeros stays one.
pub fn normalise(g: &mut Graph, x: Value) -> Value {
    let square = op::mul(g, x, x);
    let sum = op::reduce_sum(g, square, &[-1], op::KeepDims::Yes);
    let length = op::sqrt(g, sum);
    let least = g.scalar(1e-12, g.dtype(x));
    let length = op::max(g, length, least);
    op::div(g, x, length)
}
