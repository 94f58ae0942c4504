//! `Not`: the opposite of every truth value.

use super::{Case, Operand, rule};
use crate::{
    graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

#[derive(Debug)]
struct Not;

/// The opposite of every element of a bool tensor. The gradient is zero.
#[track_caller]
pub fn not(g: &mut Graph, x: Value) -> Value {
    g.apply(Not, &[x])
}

impl Op for Not {
    fn onnx(&self) -> &'static str {
        "Not"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        if x.dtype == DType::Bool {
            Ok(vec![x.clone()])
        } else {
            Err(Mismatch::new(format!("{x} is not bool")))
        }
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::truth(&[2, 3])], |g, v| not(g, v[0]))]
}
