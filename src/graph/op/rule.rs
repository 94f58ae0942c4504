//! Rules for facts and gradients that several operators share.

use super::{cast, div, mul, reshape, sub, unsqueeze, where_};
use crate::{
    graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, broadcast, extent, extents},
    tensor::DType,
};

/// Whether a reduction leaves the reduced axes in place with extent 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepDims {
    /// Reduced axes stay with extent 1.
    Yes,
    /// Reduced axes disappear.
    No,
}

/// The inputs, all of which must be connected.
pub(super) fn all<'a, const N: usize>(inputs: &[Option<&'a Fact>]) -> Result<[&'a Fact; N], Mismatch> {
    let connected: Vec<&Fact> = inputs.iter().copied().flatten().collect();
    <[&Fact; N]>::try_from(connected)
        .ok()
        .filter(|_| inputs.len() == N)
        .ok_or_else(|| Mismatch::new(format!("{N} inputs are needed")))
}

/// One float tensor in, the same out.
pub(super) fn unary(inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
    let [x] = all(inputs)?;
    if x.dtype.is_float() { Ok(vec![x.clone()]) } else { Err(Mismatch::new(format!("{x} is not float"))) }
}

fn broadcast_as(inputs: &[Option<&Fact>], dtype: Option<DType>) -> Result<Vec<Fact>, Mismatch> {
    let [a, b] = all(inputs)?;
    if a.dtype != b.dtype {
        return Err(Mismatch::new(format!("types of {a} and {b} differ")));
    }
    Ok(vec![Fact::new(dtype.unwrap_or(a.dtype), &broadcast(&a.shape, &b.shape)?)])
}

/// Two tensors of one numeric type, broadcast.
pub(super) fn binary(inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
    let facts = broadcast_as(inputs, None)?;
    if facts[0].dtype == DType::Bool { Err(Mismatch::new("bool is not a number")) } else { Ok(facts) }
}

/// Two tensors of one type, broadcast, to truth values.
pub(super) fn comparison(inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
    broadcast_as(inputs, Some(DType::Bool))
}

/// Two tensors of truth values, broadcast.
pub(super) fn logic(inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
    let facts = broadcast_as(inputs, None)?;
    if facts[0].dtype == DType::Bool { Ok(facts) } else { Err(Mismatch::new("bool is needed")) }
}

/// The gradient of a choice between two inputs goes to the one that `first_wins` names.
pub(super) fn to_winner(cx: &mut GradCx<'_>, first_wins: Value) -> Gradient {
    let dy = cx.narrow_upstream();
    let dtype = cx.graph.dtype(dy);
    let zero = cx.graph.scalar(0.0, dtype);
    let d_a = cx.if_needed(0, |cx| where_(cx.graph, first_wins, dy, zero));
    let d_b = cx.if_needed(1, |cx| where_(cx.graph, first_wins, zero, dy));
    Gradient::Flow(vec![d_a, d_b])
}

/// `x * factor`.
pub fn scaled(g: &mut Graph, x: Value, factor: f64) -> Value {
    let factor = g.scalar(factor, g.dtype(x));
    mul(g, x, factor)
}

/// `1 - x`.
pub(super) fn one_minus(g: &mut Graph, x: Value) -> Value {
    let one = g.scalar(1.0, g.dtype(x));
    sub(g, one, x)
}

/// `x` divided by the product of `dims`, which may be known only at run time.
pub(super) fn divided_by_count(g: &mut Graph, x: Value, dims: &[Dim]) -> Value {
    let count = Dim::product(dims);
    if let Some(count) = count.as_known() {
        return scaled(g, x, 1.0 / count as f64);
    }
    let count = extents(g, &[count]);
    let count = cast(g, count, g.dtype(x));
    let count = reshape(g, count, &[]);
    div(g, x, count)
}

/// Applies a reduction of `x` over `axes`, which count from the end if negative; over all axes if none is given. `x` itself
/// where it has none. `op` gets the axes' positions.
#[track_caller]
pub(super) fn reduce<O: Op + 'static>(
    g: &mut Graph,
    x: Value,
    axes: &[i64],
    op: impl FnOnce(Vec<usize>) -> O,
) -> Value {
    let axes = self::axes(g.fact(x), axes).unwrap_or_else(|mismatch| crate::failure::bug(mismatch));
    if axes.is_empty() {
        return x;
    }
    let positions = extent::vector(g, axes.iter().map(|axis| *axis as i64).collect());
    g.apply(op(axes), &[x, positions])
}

/// The attribute by which a reduction keeps the axes it reduced.
pub(super) fn keepdims(keep: KeepDims) -> Vec<Attribute> {
    vec![Attribute::int("keepdims", i64::from(keep == KeepDims::Yes))]
}

/// Sorted, distinct positions of `axes`, which count from the end if negative. All axes if none is given.
pub(super) fn axes(fact: &Fact, axes: &[i64]) -> Result<Vec<usize>, Mismatch> {
    if axes.is_empty() {
        return Ok((0..fact.rank()).collect());
    }
    let mut positions: Vec<usize> = axes.iter().map(|axis| fact.axis(*axis)).collect::<Result<_, _>>()?;
    positions.sort_unstable();
    let count = positions.len();
    positions.dedup();
    if positions.len() == count { Ok(positions) } else { Err(Mismatch::new(format!("axes {axes:?} repeat"))) }
}

/// The fact of a reduction over `axes`, which are sorted positions.
pub(super) fn reduced(fact: &Fact, axes: &[usize], keep: KeepDims) -> Fact {
    let shape: Vec<Dim> = (fact.shape.iter().enumerate())
        .filter_map(|(axis, dim)| match (axes.contains(&axis), keep) {
            (false, _) => Some(dim.clone()),
            (true, KeepDims::Yes) => Some(Dim::known(1)),
            (true, KeepDims::No) => None,
        })
        .collect();
    fact.with_shape(&shape)
}

/// The gradient by the output of a reduction over `axes`, with the reduced axes put back as extent 1.
pub(super) fn unreduced(cx: &mut GradCx<'_>, axes: &[usize], keep: KeepDims) -> Value {
    let dy = cx.upstream();
    match keep {
        KeepDims::Yes => dy,
        KeepDims::No => {
            let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
            unsqueeze(cx.graph, dy, &axes)
        }
    }
}
