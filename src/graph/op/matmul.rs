//! `MatMul`: products of matrices, batched.
//!
//! The gradients transpose the last two axes only, and directly in front of another product: ONNX Runtime fuses that
//! pair, so nothing is copied. An operand that was transposed by [`transpose_last`] gets its gradient transposed the same
//! way, which then cancels against the transposition's own gradient.

use super::{Case, Matrix, Operand, gemm, reshape, rule, transpose, transpose_last};
use crate::graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, broadcast};

#[derive(Debug)]
struct MatMul;

/// `[..,M,K] x [..,K,N] -> [..,M,N]` for float tensors of at least two axes; leading axes broadcast.
#[track_caller]
pub fn matmul(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(MatMul, &[a, b])
}

impl Op for MatMul {
    fn onnx(&self) -> &'static str {
        "MatMul"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [a, b] = rule::all(inputs)?;
        let mismatch = || Mismatch::new(format!("no matrix product of {a} and {b}"));
        let ([batch_a @ .., rows, inner_a], [batch_b @ .., inner_b, columns]) = (&a.shape[..], &b.shape[..])
        else {
            return Err(mismatch());
        };
        if a.dtype != b.dtype || !a.dtype.is_float() || inner_a != inner_b {
            return Err(mismatch());
        }
        let mut shape = broadcast(batch_a, batch_b)?;
        shape.extend([rows.clone(), columns.clone()]);
        Ok(vec![a.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (dy, a, b) = (cx.upstream(), cx.input(0), cx.input(1));
        let d_a = cx.if_needed(0, |cx| by_left(cx.graph, dy, a, b));
        let d_b = cx.if_needed(1, |cx| by_right(cx.graph, dy, a, b));
        Gradient::Flow(vec![d_a, d_b])
    }
}

/// `dY B^T`, computed as `(B dY^T)^T` if `a` is itself a transposition.
fn by_left(g: &mut Graph, dy: Value, a: Value, b: Value) -> Value {
    if transpose::swaps_last(g, a) {
        let d_y = transpose_last(g, dy);
        let transposed = matmul(g, b, d_y);
        return transpose_last(g, transposed);
    }
    let b = transpose_last(g, b);
    matmul(g, dy, b)
}

/// `A^T dY`, computed as `(dY^T A)^T` if `b` is itself a transposition; a shared matrix gets one product over all rows.
fn by_right(g: &mut Graph, dy: Value, a: Value, b: Value) -> Value {
    if g.fact(b).rank() == 2 && g.fact(a).rank() > 2 {
        let (a, dy) = (rows(g, a), rows(g, dy));
        return gemm(g, Matrix::transposed(a), Matrix::plain(dy));
    }
    if transpose::swaps_last(g, b) {
        let d_y = transpose_last(g, dy);
        let transposed = matmul(g, d_y, a);
        return transpose_last(g, transposed);
    }
    let a = transpose_last(g, a);
    matmul(g, a, dy)
}

/// `[..,K] -> [N,K]`.
fn rows(g: &mut Graph, x: Value) -> Value {
    let shape = g.shape(x);
    let (width, leading) = shape.split_last().map_or((Dim::known(1), &shape[..]), |(w, l)| (w.clone(), l));
    reshape(g, x, &[Dim::product(leading), width])
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize]| {
        Case::new(name, vec![Operand::real(a), Operand::real(b)], |g, v| matmul(g, v[0], v[1]))
    };
    vec![
        case("matrices", &[2, 3], &[3, 4]),
        case("batches", &[2, 2, 3], &[2, 3, 2]),
        case("shared right matrix", &[2, 3, 4], &[4, 2]),
        case("shared left matrix", &[2, 3], &[2, 3, 2]),
        case("broadcast batches", &[2, 1, 2, 3], &[3, 3, 2]),
        Case::new(
            "transposed right operand",
            vec![Operand::real(&[2, 2, 3]), Operand::real(&[2, 4, 3])],
            |g, v| {
                let transposed = transpose_last(g, v[1]);
                matmul(g, v[0], transposed)
            },
        ),
        Case::new(
            "transposed left operand",
            vec![Operand::real(&[2, 3, 2]), Operand::real(&[2, 3, 4])],
            |g, v| {
                let transposed = transpose_last(g, v[0]);
                matmul(g, transposed, v[1])
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dims, graph::backward::gradients, tensor::DType};

    #[test]
    fn the_gradient_of_a_transposed_operand_needs_no_transposition_back() {
        let mut g = Graph::new();
        let q = g.input("q", DType::F32, &dims!["batch", "time", 4]);
        let k = g.input("k", DType::F32, &dims!["batch", "time", 4]);
        let transposed = transpose_last(&mut g, k);
        let scores = matmul(&mut g, q, transposed);
        let loss = crate::graph::op::reduce_sum(&mut g, scores, &[], crate::graph::op::KeepDims::No);
        let d = gradients(&mut g, loss, &[q, k]);
        for value in d {
            assert_eq!(g.producer(value).map(|node| node.op.onnx()), Some("MatMul"));
        }
    }
}
