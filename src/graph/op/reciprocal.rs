//! `Reciprocal`: one divided by it of every element.

use super::{Case, Operand, mul, neg, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Reciprocal;

/// One divided by it of every element of a float tensor: `1/x`.
pub fn reciprocal(g: &mut Graph, x: Value) -> Value {
    g.apply(Reciprocal, &[x])
}

impl Op for Reciprocal {
    fn onnx(&self) -> &'static str {
        "Reciprocal"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let y = cx.output();
        let g = &mut *cx.graph;
        let square = mul(g, y, y);
        let slope = neg(g, square);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(0.3, 2.0)], |g, v| reciprocal(g, v[0]))]
}
