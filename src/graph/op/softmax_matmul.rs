//! `softmax(scores) values`, the core of attention, with a gradient in one pass over the scores.
//!
//! With `P = softmax(S)` and `O = P V`, the gradient by `S` is `P (dP - delta)`, where `dP = dO V^T` and `delta`, the sum of
//! `P dP` over a row, equals the sum of `O dO` over a row (Dao et al. 2022, appendix B.2), which is much
//! narrower. Subtracting `delta` is folded into the product: `dP - delta = [dO | -delta] [V | 1]^T`. The rule of softmax
//! alone takes four passes over the scores, and more memory.

use super::{
    Case, KeepDims, Operand, concat, constant_of_shape, matmul, mul, neg, reduce_sum, rule, softmax,
    stop_gradient, transpose_last,
};
use crate::graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

/// Inputs: probabilities `[..,T,S]`, values `[..,S,E]`, and for the gradient the scores `[..,T,S]`.
#[derive(Debug)]
struct SoftmaxMatMul;

/// `softmax(scores) values`: float `[..,T,S]` and `[..,S,E]` with equal leading axes give `[..,T,E]`; softmax over S.
#[track_caller]
pub fn softmax_matmul(g: &mut Graph, scores: Value, values: Value) -> Value {
    let probabilities = softmax(g, scores, -1);
    let probabilities = stop_gradient(g, probabilities);
    g.apply(SoftmaxMatMul, &[probabilities, values, scores])
}

impl Op for SoftmaxMatMul {
    fn onnx(&self) -> &'static str {
        "MatMul"
    }

    fn written_inputs(&self) -> Option<usize> {
        Some(2)
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [probabilities, values, scores] = rule::all(inputs)?;
        let mismatch = || Mismatch::new(format!("no attention of {scores} over {values}"));
        let ([batch, rows, inner], [other, positions, width]) = (split(scores), split(values));
        if rows.is_empty()
            || width.is_empty()
            || batch != other
            || inner != positions
            || scores != probabilities
            || scores.dtype != values.dtype
        {
            return Err(mismatch());
        }
        Ok(vec![scores.with_shape(&[batch, rows, width].concat())])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (probabilities, values) = (cx.input(0), cx.input(1));
        let (dy, y) = (cx.upstream(), cx.output());
        let d_values = cx.if_needed(1, |cx| {
            let transposed = transpose_last(cx.graph, probabilities);
            matmul(cx.graph, transposed, dy)
        });
        let d_scores = cx.if_needed(2, |cx| {
            let g = &mut *cx.graph;
            let weighted = mul(g, dy, y);
            let delta = reduce_sum(g, weighted, &[-1], KeepDims::Yes);
            let negative = neg(g, delta);
            let left = concat(g, &[dy, negative], -1); // [..,T,E+1]
            let fact = g.fact(values).clone();
            let mut column = fact.shape.clone();
            column.pop();
            column.push(Dim::known(1));
            let ones = constant_of_shape(g, &column, 1.0, fact.dtype);
            let right = concat(g, &[values, ones], -1); // [..,S,E+1]
            let right = transpose_last(g, right);
            let difference = matmul(g, left, right); // [..,T,S]
            mul(g, probabilities, difference)
        });
        Gradient::Flow(vec![None, d_values, d_scores])
    }
}

/// Leading axes and the last two; empty slices if there are not that many.
fn split(fact: &Fact) -> [&[Dim]; 3] {
    let rank = fact.rank();
    if rank < 2 {
        return [&[], &[], &[]];
    }
    [&fact.shape[..rank - 2], &fact.shape[rank - 2..rank - 1], &fact.shape[rank - 1..]]
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, scores: &[usize], values: &[usize]| {
        let operands = vec![Operand::real(scores), Operand::real(values)];
        Case::new(name, operands, |g, v| softmax_matmul(g, v[0], v[1]))
    };
    vec![
        case("matrices", &[3, 4], &[4, 2]),
        case("batches of heads", &[2, 2, 3, 4], &[2, 2, 4, 3]),
        Case::new(
            "scores by values only",
            vec![Operand::real(&[2, 3]).unchecked(), Operand::real(&[3, 2])],
            |g, v| softmax_matmul(g, v[0], v[1]),
        ),
    ]
}
