//! `ReduceMean`: averages elements along axes.

use super::{Case, KeepDims, Operand, rule};
use crate::graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct ReduceMean {
    axes: Vec<usize>,
    keep: KeepDims,
}

/// The mean over `axes`, which count from the end if negative; over all axes if none is given.
#[track_caller]
pub fn reduce_mean(g: &mut Graph, x: Value, axes: &[i64], keep: KeepDims) -> Value {
    rule::reduce(g, x, axes, |axes| ReduceMean { axes, keep })
}

impl Op for ReduceMean {
    fn onnx(&self) -> &'static str {
        "ReduceMean"
    }

    fn attributes(&self) -> Vec<Attribute> {
        rule::keepdims(self.keep)
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        Ok(vec![rule::reduced(x, &self.axes, self.keep)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let x = cx.input(0);
        let dims: Vec<Dim> = self.axes.iter().map(|axis| cx.graph.fact(x).shape[*axis].clone()).collect();
        let dy = rule::unreduced(cx, &self.axes, self.keep);
        Gradient::Flow(vec![Some(rule::divided_by_count(cx.graph, dy, &dims)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("all", vec![Operand::real(&[2, 3])], |g, v| reduce_mean(g, v[0], &[], KeepDims::No)),
        Case::new("last, kept", vec![Operand::real(&[2, 3])], |g, v| {
            reduce_mean(g, v[0], &[-1], KeepDims::Yes)
        }),
        Case::new("outer two", vec![Operand::real(&[2, 3, 2])], |g, v| {
            reduce_mean(g, v[0], &[0, 2], KeepDims::No)
        }),
    ]
}
