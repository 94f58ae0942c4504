//! `Tanh`: the hyperbolic tangent of every element.

use super::{
    Case, Operand, mul,
    rule::{self, one_minus},
};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Tanh;

/// The hyperbolic tangent of every element of a float tensor: `tanh x`.
pub fn tanh(g: &mut Graph, x: Value) -> Value {
    g.apply(Tanh, &[x])
}

impl Op for Tanh {
    fn onnx(&self) -> &'static str {
        "Tanh"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let y = cx.output();
        let g = &mut *cx.graph;
        let square = mul(g, y, y);
        let slope = one_minus(g, square);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-2.0, 2.0)], |g, v| tanh(g, v[0]))]
}
