//! `LogSoftmax`: the logarithm of softmax, without under- or overflow.

use super::{Case, KeepDims, Operand, exp, mul, reduce_sum, rule, sub};
use crate::graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct LogSoftmax {
    axis: i64,
}

/// `x - ln(sum(exp x))` over `axis`, which counts from the end if negative.
#[track_caller]
pub fn log_softmax(g: &mut Graph, x: Value, axis: i64) -> Value {
    g.apply(LogSoftmax { axis }, &[x])
}

impl Op for LogSoftmax {
    fn onnx(&self) -> &'static str {
        "LogSoftmax"
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
        let (y, dy) = (cx.output(), cx.upstream());
        let g = &mut *cx.graph;
        let sum = reduce_sum(g, dy, &[self.axis], KeepDims::Yes);
        let p = exp(g, y);
        let mean = mul(g, p, sum);
        Gradient::Flow(vec![Some(sub(g, dy, mean))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("last axis", vec![Operand::real(&[2, 4])], |g, v| log_softmax(g, v[0], -1)),
        Case::new("first axis", vec![Operand::real(&[3, 2])], |g, v| log_softmax(g, v[0], 0)),
    ]
}
