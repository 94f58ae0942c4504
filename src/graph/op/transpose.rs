//! `Transpose`: another order of the axes.

use super::{Case, Operand, rule};
use crate::graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Transpose {
    order: Vec<usize>,
}

/// `x` with its axes in another order: axis `i` of the result is axis `order[i]` of `x`. Transpositions in a row are one
/// node, or none.
#[track_caller]
pub fn transpose(g: &mut Graph, x: Value, order: &[usize]) -> Value {
    if order.iter().copied().eq(0..g.fact(x).rank()) {
        return x;
    }
    if let Some((source, first)) = transposed_from(g, x)
        && first.len() == order.len()
    {
        let composed: Vec<usize> = order.iter().filter_map(|axis| first.get(*axis).copied()).collect();
        return transpose(g, source, &composed);
    }
    g.apply(Transpose { order: order.to_vec() }, &[x])
}

/// `[..,M,N] -> [..,N,M]`.
#[track_caller]
pub fn transpose_last(g: &mut Graph, x: Value) -> Value {
    let mut order: Vec<usize> = (0..g.fact(x).rank()).collect();
    if let [.., rows, columns] = &mut order[..] {
        std::mem::swap(rows, columns);
    }
    transpose(g, x, &order)
}

/// Whether `x` is another value with its last two axes swapped.
pub(super) fn swaps_last(g: &Graph, x: Value) -> bool {
    let Some((_, order)) = transposed_from(g, x) else {
        return false;
    };
    let rank = order.len();
    let mut swapped: Vec<usize> = (0..rank).collect();
    swapped.swap(rank - 1, rank - 2);
    order == swapped
}

/// The value and the order that `x` was made with.
fn transposed_from(g: &Graph, x: Value) -> Option<(Value, Vec<usize>)> {
    let node = g.producer(x).filter(|node| node.op.onnx() == "Transpose")?;
    let attribute = node.op.attributes().into_iter().next()?;
    let crate::graph::AttributeValue::Ints(order) = attribute.value else {
        return None;
    };
    Some((node.inputs[0]?, order.into_iter().map(|axis| axis as usize).collect()))
}

impl Op for Transpose {
    fn onnx(&self) -> &'static str {
        "Transpose"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::ints("perm", self.order.iter().map(|axis| *axis as i64).collect())]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..x.rank()) {
            return Err(Mismatch::new(format!("{:?} is no order of the axes of {x}", self.order)));
        }
        let shape: Vec<Dim> = self.order.iter().map(|axis| x.shape[*axis].clone()).collect();
        Ok(vec![x.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let mut inverse = vec![0; self.order.len()];
        for (position, axis) in self.order.iter().enumerate() {
            inverse[*axis] = position;
        }
        let dy = cx.upstream();
        Gradient::Flow(vec![Some(transpose(cx.graph, dy, &inverse))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("matrix", vec![Operand::real(&[2, 3])], |g, v| transpose_last(g, v[0])),
        Case::new("rotation", vec![Operand::real(&[2, 3, 2])], |g, v| transpose(g, v[0], &[2, 0, 1])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dims, tensor::DType};

    #[test]
    fn transpositions_in_a_row_cancel() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &dims!["a", "b", "c"]);
        let rotated = transpose(&mut g, x, &[2, 0, 1]);
        assert_eq!(transpose(&mut g, rotated, &[1, 2, 0]), x);
        let twice = transpose(&mut g, rotated, &[2, 0, 1]);
        assert_eq!(g.shape(twice), dims!["b", "c", "a"]);
        assert_eq!(g.producer(twice).map(|node| node.inputs.clone()), Some(vec![Some(x)]));
    }
}
