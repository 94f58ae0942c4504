//! `OneHot`: a class as a row that is one at its place and zero elsewhere.

use super::{Case, Operand, rule};
use crate::{
    graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::{DType, Tensor},
};

#[derive(Debug)]
struct OneHot {
    depth: usize,
}

/// `[..] -> [..,depth]`: f32 rows with 1 at the position that the element of `indices` (i64) names, else 0. The gradient
/// is zero.
#[track_caller]
pub fn one_hot(g: &mut Graph, indices: Value, depth: usize) -> Value {
    let size = g.constant(Tensor::I64(ndarray::arr0(depth as i64).into_dyn()));
    let values = g.constant(Tensor::F32(ndarray::arr1(&[0.0, 1.0]).into_dyn()));
    g.apply(OneHot { depth }, &[indices, size, values])
}

impl Op for OneHot {
    fn onnx(&self) -> &'static str {
        "OneHot"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [indices, _, values] = rule::all(inputs)?;
        if indices.dtype != DType::I64 {
            return Err(Mismatch::new(format!("classes in {indices}")));
        }
        let mut shape = indices.shape.clone();
        shape.push(Dim::known(self.depth));
        Ok(vec![values.with_shape(&shape)])
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::index(&[2, 3], 4)], |g, v| one_hot(g, v[0], 4)).single()]
}
