//! `ReduceSum`: adds up elements along axes.

use super::{Case, KeepDims, Operand, rule};
use crate::graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct ReduceSum {
    axes: Vec<usize>,
    keep: KeepDims,
}

/// The sum over `axes`, which count from the end if negative; over all axes if none is given.
#[track_caller]
pub fn reduce_sum(g: &mut Graph, x: Value, axes: &[i64], keep: KeepDims) -> Value {
    rule::reduce(g, x, axes, |axes| ReduceSum { axes, keep })
}

impl Op for ReduceSum {
    fn onnx(&self) -> &'static str {
        "ReduceSum"
    }

    fn attributes(&self) -> Vec<Attribute> {
        rule::keepdims(self.keep)
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        Ok(vec![rule::reduced(x, &self.axes, self.keep)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Flow(vec![Some(rule::unreduced(cx, &self.axes, self.keep)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("all", vec![Operand::real(&[2, 3])], |g, v| reduce_sum(g, v[0], &[], KeepDims::No)),
        Case::new("last, kept", vec![Operand::real(&[2, 3])], |g, v| {
            reduce_sum(g, v[0], &[-1], KeepDims::Yes)
        }),
        Case::new("outer two", vec![Operand::real(&[2, 3, 2])], |g, v| {
            reduce_sum(g, v[0], &[0, 2], KeepDims::No)
        }),
    ]
}
