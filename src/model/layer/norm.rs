//! Normalisation over the last axis: by the root of the mean square (Zhang and Sennrich 2019), or by mean and variance
//! (Ba et al. 2016).

use crate::{
    graph::{Graph, Value, op},
    tensor::DType,
};

/// What is divided by, and what the checkpoint's tensor means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// By the root of the mean square; the tensor is the gain.
    Rms,
    /// By the root of the mean square; the gain is 1 + the tensor (Gemma).
    RmsOffset,
    /// Minus the mean, by the standard deviation; the tensor is the gain, and there is no bias (Cohere).
    Layer,
}

/// A normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Which one.
    pub kind: NormKind,
    /// What is added under the root; positive.
    pub epsilon: f64,
}

/// Normalises the last axis: `x [.., D]`, `weight` of an extent that broadcasts to it (`[D]`, or `[H, E]` for heads) ->
/// the shape and type of `x`.
///
/// Statistics are taken in f32 at least. Where the gain is the tensor of an RMSNorm, the normalised value is rounded to
/// the type of `x` before the gain is applied; in the other two it is rounded after. Both as the checkpoints' own
/// implementations do.
pub fn norm(g: &mut Graph, x: Value, weight: Value, norm: Norm) -> Value {
    let dtype = g.dtype(x);
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let x = op::cast(g, x, wide);
    let x = if norm.kind == NormKind::Layer { centred(g, x) } else { x };
    // ONNX Runtime knows this exact chain and fuses it into one kernel.
    let two = g.scalar(2.0, wide);
    let square = op::pow(g, x, two);
    let mean = op::reduce_mean(g, square, &[-1], op::KeepDims::Yes);
    let epsilon = g.scalar(norm.epsilon, wide);
    let shifted = op::add(g, mean, epsilon);
    let root = op::sqrt(g, shifted);
    let normal = op::div(g, x, root);
    match norm.kind {
        NormKind::Rms => {
            let normal = op::cast(g, normal, dtype);
            op::mul(g, normal, weight)
        }
        NormKind::RmsOffset | NormKind::Layer => {
            let gain = op::cast(g, weight, wide);
            let gain = if norm.kind == NormKind::RmsOffset { plus_one(g, gain) } else { gain };
            let scaled = op::mul(g, normal, gain);
            op::cast(g, scaled, dtype)
        }
    }
}

fn centred(g: &mut Graph, x: Value) -> Value {
    let mean = op::reduce_mean(g, x, &[-1], op::KeepDims::Yes);
    op::sub(g, x, mean)
}

fn plus_one(g: &mut Graph, x: Value) -> Value {
    let one = g.scalar(1.0, g.dtype(x));
    op::add(g, x, one)
}
