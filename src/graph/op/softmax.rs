//! `Softmax`: positive numbers that sum to one.

use super::{Case, KeepDims, Operand, mul, reduce_sum, rule, sub};
use crate::graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Softmax {
    axis: i64,
}

/// `exp x` divided by its sum over `axis`, which counts from the end if negative.
#[track_caller]
pub fn softmax(g: &mut Graph, x: Value, axis: i64) -> Value {
    g.apply(Softmax { axis }, &[x])
}

impl Op for Softmax {
    fn onnx(&self) -> &'static str {
        "Softmax"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        x.axis(self.axis)?;
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        // dx = y (dy - sum(y dy)), written so that the sum reuses y dy.
        let (y, dy) = (cx.output(), cx.narrow_upstream());
        let g = &mut *cx.graph;
        let weighted = mul(g, y, dy);
        let sum = reduce_sum(g, weighted, &[self.axis], KeepDims::Yes);
        let mean = mul(g, y, sum);
        Gradient::Flow(vec![Some(sub(g, weighted, mean))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("last axis", vec![Operand::real(&[2, 4])], |g, v| softmax(g, v[0], -1)),
        Case::new("first axis", vec![Operand::real(&[3, 2])], |g, v| softmax(g, v[0], 0)),
    ]
}
