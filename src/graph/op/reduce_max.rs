//! `ReduceMax`: takes the largest elements along axes.

use super::{Case, KeepDims, Operand, cast, div, equal, mul, reduce_sum, rule};
use crate::graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct ReduceMax {
    axes: Vec<usize>,
    keep: KeepDims,
}

/// The maximum over `axes`, which count from the end if negative; over all axes if none is given. Ties share the gradient evenly.
#[track_caller]
pub fn reduce_max(g: &mut Graph, x: Value, axes: &[i64], keep: KeepDims) -> Value {
    rule::reduce(g, x, axes, |axes| ReduceMax { axes, keep })
}

impl Op for ReduceMax {
    fn onnx(&self) -> &'static str {
        "ReduceMax"
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
        let axes: Vec<i64> = self.axes.iter().map(|axis| *axis as i64).collect();
        let dy = rule::unreduced(cx, &self.axes, self.keep);
        let g = &mut *cx.graph;
        let largest = reduce_max(g, x, &axes, KeepDims::Yes);
        let wins = equal(g, x, largest);
        let wins = cast(g, wins, g.dtype(x));
        let count = reduce_sum(g, wins, &axes, KeepDims::Yes);
        let share = div(g, dy, count);
        Gradient::Flow(vec![Some(mul(g, wins, share)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("all", vec![Operand::real(&[2, 3])], |g, v| reduce_max(g, v[0], &[], KeepDims::No)),
        Case::new("last, kept", vec![Operand::real(&[2, 3])], |g, v| {
            reduce_max(g, v[0], &[-1], KeepDims::Yes)
        }),
        Case::new("outer two", vec![Operand::real(&[2, 3, 2])], |g, v| {
            reduce_max(g, v[0], &[0, 2], KeepDims::No)
        }),
    ]
}
