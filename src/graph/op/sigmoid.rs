//! `Sigmoid`: the logistic function of every element.

use super::{
    Case, Operand, mul,
    rule::{self, one_minus},
};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Sigmoid;

/// The logistic function of every element of a float tensor: `1 / (1 + exp(-x))`.
pub fn sigmoid(g: &mut Graph, x: Value) -> Value {
    g.apply(Sigmoid, &[x])
}

impl Op for Sigmoid {
    fn onnx(&self) -> &'static str {
        "Sigmoid"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let y = cx.output();
        let g = &mut *cx.graph;
        let rest = one_minus(g, y);
        let slope = mul(g, y, rest);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-3.0, 3.0)], |g, v| sigmoid(g, v[0]))]
}
