//! `Gemm`: the product of two matrices, each taken as it is or transposed.
//!
//! A weight in the layout of Hugging Face files, `[out,in]`, needs no transposed copy: forward takes it transposed, the
//! gradient by `x` takes it as it is.

use super::{Case, Operand, reshape, rule, transpose};
use crate::graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

/// An operand of [`gemm`].
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    value: Value,
    transposed: bool,
}

impl Matrix {
    /// The matrix as it is.
    pub const fn plain(value: Value) -> Self {
        Self { value, transposed: false }
    }

    /// The matrix with rows and columns swapped.
    pub const fn transposed(value: Value) -> Self {
        Self { value, transposed: true }
    }
}

#[derive(Debug)]
struct Gemm {
    transpose_a: bool,
    transpose_b: bool,
}

/// The product of two matrices: `[M,K] x [K,N] -> [M,N]`, after transposition.
#[track_caller]
pub fn gemm(g: &mut Graph, a: Matrix, b: Matrix) -> Value {
    g.apply(Gemm { transpose_a: a.transposed, transpose_b: b.transposed }, &[a.value, b.value])
}

/// `x W^T`: `[..,in] x [out,in] -> [..,out]`, with one product over all rows.
#[track_caller]
pub fn linear(g: &mut Graph, x: Value, weight: Value) -> Value {
    let mut shape = g.shape(x);
    let Some(width) = shape.pop() else { crate::failure::bug("a linear map of a scalar") };
    // [..,in] -> [N,in] -> [N,out] -> [..,out]
    let rows = reshape(g, x, &[Dim::product(&shape), width]);
    let product = gemm(g, Matrix::plain(rows), Matrix::transposed(weight));
    shape.push(g.fact(product).shape[1].clone());
    reshape(g, product, &shape)
}

/// The same map for a few rows, as `(W x^T)^T`.
///
/// Kernels on the CPU rearrange the second factor of a product, whichever it is. With few rows that costs more than the
/// product itself if the second factor is the weight, and next to nothing if it is `x`.
#[track_caller]
pub fn linear_of_few(g: &mut Graph, x: Value, weight: Value) -> Value {
    let mut shape = g.shape(x);
    let Some(width) = shape.pop() else { crate::failure::bug("a linear map of a scalar") };
    // [..,in] -> [N,in] -> [out,N] -> [N,out] -> [..,out]
    let rows = reshape(g, x, &[Dim::product(&shape), width]);
    let product = gemm(g, Matrix::plain(weight), Matrix::transposed(rows));
    let product = transpose(g, product, &[1, 0]);
    shape.push(g.fact(product).shape[1].clone());
    reshape(g, product, &shape)
}

impl Op for Gemm {
    fn onnx(&self) -> &'static str {
        "Gemm"
    }

    fn attributes(&self) -> Vec<Attribute> {
        [("transA", self.transpose_a), ("transB", self.transpose_b)]
            .into_iter()
            .filter(|(_, transposed)| *transposed)
            .map(|(name, _)| Attribute::int(name, 1))
            .collect()
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [a, b] = rule::all(inputs)?;
        let mismatch = || Mismatch::new(format!("no matrix product of {a} and {b} with {self:?}"));
        let ([a_rows, a_columns], [b_rows, b_columns]) = (&a.shape[..], &b.shape[..]) else {
            return Err(mismatch());
        };
        let (rows, inner) = if self.transpose_a { (a_columns, a_rows) } else { (a_rows, a_columns) };
        let (other_inner, columns) = if self.transpose_b { (b_columns, b_rows) } else { (b_rows, b_columns) };
        if inner != other_inner || a.dtype != b.dtype || !a.dtype.is_float() {
            return Err(mismatch());
        }
        Ok(vec![a.with_shape(&[rows.clone(), columns.clone()])])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (a, b, dy) = (cx.input(0), cx.input(1), cx.upstream());
        let matrix = |value, transposed| Matrix { value, transposed };
        let d_a = cx.if_needed(0, |cx| {
            if self.transpose_a {
                gemm(cx.graph, matrix(b, self.transpose_b), Matrix::transposed(dy))
            } else {
                gemm(cx.graph, Matrix::plain(dy), matrix(b, !self.transpose_b))
            }
        });
        let d_b = cx.if_needed(1, |cx| {
            if self.transpose_b {
                gemm(cx.graph, Matrix::transposed(dy), matrix(a, self.transpose_a))
            } else {
                gemm(cx.graph, matrix(a, !self.transpose_a), Matrix::plain(dy))
            }
        });
        Gradient::Flow(vec![d_a, d_b])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize], build| {
        Case::new(name, vec![Operand::real(a), Operand::real(b)], build)
    };
    vec![
        case("rows", &[2, 3], &[4, 3], |g, v| linear(g, v[0], v[1])),
        case("batches", &[2, 2, 3], &[4, 3], |g, v| linear(g, v[0], v[1])),
        case("one vector", &[3], &[4, 3], |g, v| linear(g, v[0], v[1])),
        case("few rows", &[2, 2, 3], &[4, 3], |g, v| linear_of_few(g, v[0], v[1])),
        case("plain", &[2, 3], &[3, 4], |g, v| gemm(g, Matrix::plain(v[0]), Matrix::plain(v[1]))),
        case("left transposed", &[3, 2], &[3, 4], |g, v| {
            gemm(g, Matrix::transposed(v[0]), Matrix::plain(v[1]))
        }),
        case("both transposed", &[3, 2], &[4, 3], |g, v| {
            gemm(g, Matrix::transposed(v[0]), Matrix::transposed(v[1]))
        }),
    ]
}
