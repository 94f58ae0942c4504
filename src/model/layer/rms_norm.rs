//! Normalisation by the root of the mean square (Zhang and Sennrich 2019).

use crate::{
    graph::{Graph, Value, op},
    tensor::DType,
};

/// `x / sqrt(mean(x²) + epsilon) * gain` over the last axis: `x [.., D]`, `gain [D]` -> `[.., D]`, in the type of `x`.
///
/// Statistics are taken in f32 at least; the normalised value is rounded to the type of `x` before the gain is
/// applied, as in the checkpoints' own implementation.
pub fn rms_norm(g: &mut Graph, x: Value, gain: Value, epsilon: f64) -> Value {
    let dtype = g.dtype(x);
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let x = op::cast(g, x, wide);
    // ONNX Runtime knows this exact chain and fuses it into one kernel.
    let two = g.scalar(2.0, wide);
    let square = op::pow(g, x, two);
    let mean = op::reduce_mean(g, square, &[-1], op::KeepDims::Yes);
    let epsilon = g.scalar(epsilon, wide);
    let shifted = op::add(g, mean, epsilon);
    let root = op::sqrt(g, shifted);
    let normal = op::div(g, x, root);
    let normal = op::cast(g, normal, dtype);
    op::mul(g, normal, gain)
}
