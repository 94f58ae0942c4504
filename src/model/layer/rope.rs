//! Rotary position embedding (Su et al. 2021), in the half-split layout of Hugging Face checkpoints.
//!
//! Element i of the first half of a head and element i of the second half are one plane, turned by `position *
//! frequency[i]`.

use crate::{
    failure::bug,
    graph::{Dim, Graph, Value, op},
    tensor::{DType, Tensor},
};

/// Cosines and sines of the angles of some tokens, each `[.., E/2]`.
#[derive(Clone, Copy, Debug)]
pub struct Angles {
    /// Cosines.
    pub cos: Value,
    /// Sines.
    pub sin: Value,
}

/// The angles at `positions` i64 `[B,T]` for `frequencies` (E/2 of them): `[B,T,1,E/2]` in `dtype`.
pub fn angles(g: &mut Graph, positions: Value, frequencies: &[f32], dtype: DType) -> Angles {
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let frequencies = g.constant(row(frequencies));
    let frequencies = op::cast(g, frequencies, wide);
    let positions = op::cast(g, positions, wide);
    let positions = op::unsqueeze(g, positions, &[2, 3]); // [B,T] -> [B,T,1,1]
    let angle = op::mul(g, positions, frequencies);
    let (cos, sin) = (op::cos(g, angle), op::sin(g, angle));
    Angles { cos: op::cast(g, cos, dtype), sin: op::cast(g, sin, dtype) }
}

/// The angles of positions `0..capacity` as constants `[capacity, E/2]`, for kernels that rotate by themselves.
pub fn table(g: &mut Graph, capacity: usize, frequencies: &[f32], dtype: DType) -> Angles {
    let angle = |position: usize| frequencies.iter().map(move |frequency| position as f32 * frequency);
    let mut build = |turn: fn(f32) -> f32| {
        let values: Vec<f32> = (0..capacity).flat_map(angle).map(turn).collect();
        let table = Tensor::f32(&[capacity, frequencies.len()], values);
        let table = g.constant(table.unwrap_or_else(|| bug("a rotary table of the wrong size")));
        op::cast(g, table, dtype)
    };
    Angles { cos: build(f32::cos), sin: build(f32::sin) }
}

/// Turns the heads of `x [B,T,H,E]` by their angles.
pub fn rotate(g: &mut Graph, x: Value, angles: Angles) -> Value {
    let half = Dim::known(g.shape(x)[3].expect_known() / 2);
    let halves = op::split(g, x, 3, &[half.clone(), half]);
    let (first, second) = (halves[0], halves[1]);
    let turn = |g: &mut Graph, a: Value, b: Value| (op::mul(g, a, angles.cos), op::mul(g, b, angles.sin));
    let (a, b) = turn(g, first, second);
    let (c, d) = turn(g, second, first);
    let left = op::sub(g, a, b);
    let right = op::add(g, c, d);
    op::concat(g, &[left, right], 3)
}

fn row(values: &[f32]) -> Tensor {
    Tensor::f32(&[values.len()], values.to_vec()).unwrap_or_else(|| bug("a vector of the wrong size"))
}
