//! A matrix applied to the last axis, with or without a bias.

use crate::{
    graph::{Graph, Value, op},
    model::parameter::Parameters,
};

/// `x · Wᵀ`: `x [.., inputs]`, `weight [outputs, inputs]` -> `[.., outputs]`.
pub fn linear(g: &mut Graph, x: Value, weight: Value) -> Value {
    op::linear(g, x, weight)
}

/// Whether linear layers have a bias beside their matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// Only the matrix `{path}.weight`.
    No,
    /// The vector `{path}.bias` as well.
    Yes,
}

impl From<bool> for Bias {
    fn from(there: bool) -> Self {
        if there { Self::Yes } else { Self::No }
    }
}

/// The linear layers at several paths, applied to the same `x [.., inputs]`: each gives `[.., outputs]`. Extents are
/// `[outputs, inputs]`.
pub fn projections<const N: usize>(
    g: &mut Graph,
    weights: &mut dyn Parameters,
    x: Value,
    layers: &[(String, [usize; 2]); N],
    bias: Bias,
) -> [Value; N] {
    let mut results =
        layers.each_ref().map(|(path, shape)| weights.linear(g, &format!("{path}.weight"), x, *shape));
    if bias == Bias::Yes {
        for (result, (path, [outputs, _])) in results.iter_mut().zip(layers) {
            let vector = weights.weight(g, &format!("{path}.bias"), &[*outputs]);
            *result = op::add(g, *result, vector);
        }
    }
    results
}

/// The linear layer at one path; see [`projections`].
pub fn projection(
    g: &mut Graph,
    weights: &mut dyn Parameters,
    x: Value,
    layer: (String, [usize; 2]),
    bias: Bias,
) -> Value {
    let [result] = projections(g, weights, x, &[layer], bias);
    result
}
