//! Rotary position embedding (Su et al. 2021).
//!
//! The elements of a head are taken in pairs, and pair i is a plane that is turned by `position * frequency[i]`.

use crate::{
    dims,
    failure::bug,
    graph::{Dim, Graph, Value, op},
    tensor::{DType, Tensor},
};

/// Which elements of a head are a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Element i of the first half with element i of the second half.
    Halves,
    /// Element 2i with element 2i + 1 (Cohere).
    Neighbours,
}

/// A rotation by position.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Radians per position of each plane, E/2 of them.
    pub frequencies: Vec<f32>,
    /// Factor on what is turned: 1, but for YaRN.
    pub factor: f32,
    /// Which elements are a plane.
    pub pairs: Pairs,
}

/// Cosines and sines of the angles of some tokens, each `[.., E/2]`.
#[derive(Clone, Copy, Debug)]
pub struct Angles {
    /// Cosines, times the rotation's factor.
    pub cos: Value,
    /// Sines, times the rotation's factor.
    pub sin: Value,
    /// Which elements are a plane.
    pub pairs: Pairs,
}

/// The angles at `positions` i64 `[B,T]`: `[B,T,1,E/2]` in `dtype`.
pub fn angles(g: &mut Graph, positions: Value, rotary: &Rotary, dtype: DType) -> Angles {
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let frequencies = g.constant(row(&rotary.frequencies));
    let frequencies = op::cast(g, frequencies, wide);
    let positions = op::cast(g, positions, wide);
    let positions = op::unsqueeze(g, positions, &[2, 3]); // [B,T] -> [B,T,1,1]
    let angle = op::mul(g, positions, frequencies);
    let scaled = |g: &mut Graph, x: Value| {
        let factor = g.scalar(f64::from(rotary.factor), wide);
        let x = if rotary.factor == 1.0 { x } else { op::mul(g, x, factor) };
        op::cast(g, x, dtype)
    };
    let (cos, sin) = (op::cos(g, angle), op::sin(g, angle));
    Angles { cos: scaled(g, cos), sin: scaled(g, sin), pairs: rotary.pairs }
}

/// The angles of positions `0..capacity` as constants `[capacity, E/2]`, for kernels that rotate by themselves.
pub fn table(g: &mut Graph, capacity: usize, rotary: &Rotary, dtype: DType) -> Angles {
    let angle = |position: usize| rotary.frequencies.iter().map(move |frequency| position as f32 * frequency);
    let mut build = |turn: fn(f32) -> f32| {
        let values: Vec<f32> =
            (0..capacity).flat_map(angle).map(|angle| turn(angle) * rotary.factor).collect();
        let table = Tensor::f32(&[capacity, rotary.frequencies.len()], values);
        let table = g.constant(table.unwrap_or_else(|| bug("a rotary table of the wrong size")));
        op::cast(g, table, dtype)
    };
    Angles { cos: build(f32::cos), sin: build(f32::sin), pairs: rotary.pairs }
}

/// Turns the heads of `x [B,T,H,E]` by their angles.
///
/// Whichever elements the pairs are, the result has the first elements of all pairs in its first half and the second
/// ones in its second half: queries and keys are only ever multiplied with each other, so their common order does not
/// matter, and putting neighbours back beside each other would cost a pass.
pub fn rotate(g: &mut Graph, x: Value, angles: Angles) -> Value {
    let (first, second) = pairs(g, x, angles.pairs);
    let turn = |g: &mut Graph, a: Value, b: Value| (op::mul(g, a, angles.cos), op::mul(g, b, angles.sin));
    let (a, b) = turn(g, first, second);
    let (c, d) = turn(g, second, first);
    let left = op::sub(g, a, b);
    let right = op::add(g, c, d);
    op::concat(g, &[left, right], 3)
}

/// The first and the second elements of all pairs, `[B,T,H,E] -> [B,T,H,E/2]` each.
fn pairs(g: &mut Graph, x: Value, pairs: Pairs) -> (Value, Value) {
    let shape = g.shape(x);
    let half = shape[3].expect_known() / 2;
    match pairs {
        Pairs::Halves => {
            let halves = op::split(g, x, 3, &[Dim::known(half), Dim::known(half)]);
            (halves[0], halves[1])
        }
        Pairs::Neighbours => {
            let heads = &shape[2];
            let planes = op::reshape(g, x, &dims![&shape[0], &shape[1], heads, half, 2]);
            let parts = op::split(g, planes, 4, &[Dim::known(1), Dim::known(1)]);
            let narrow = |g: &mut Graph, part: Value| op::squeeze(g, part, &[4]);
            (narrow(g, parts[0]), narrow(g, parts[1]))
        }
    }
}

fn row(values: &[f32]) -> Tensor {
    Tensor::f32(&[values.len()], values.to_vec()).unwrap_or_else(|| bug("a vector of the wrong size"))
}
