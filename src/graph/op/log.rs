//! `Log`: the natural logarithm of every element.

use super::{Case, Operand, div, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Log;

/// The natural logarithm of every element of a float tensor: `ln x`.
pub fn log(g: &mut Graph, x: Value) -> Value {
    g.apply(Log, &[x])
}

impl Op for Log {
    fn onnx(&self) -> &'static str {
        "Log"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let x = cx.input(0);
        let g = &mut *cx.graph;
        Gradient::Flow(vec![Some(div(g, dy, x))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(0.2, 3.0)], |g, v| log(g, v[0]))]
}
