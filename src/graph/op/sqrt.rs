//! `Sqrt`: the square root of every element.

use super::{
    Case, Operand, div,
    rule::{self, scaled},
};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Sqrt;

/// The square root of every element of a float tensor: `sqrt x`.
pub fn sqrt(g: &mut Graph, x: Value) -> Value {
    g.apply(Sqrt, &[x])
}

impl Op for Sqrt {
    fn onnx(&self) -> &'static str {
        "Sqrt"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let y = cx.output();
        let g = &mut *cx.graph;
        let half = scaled(g, dy, 0.5);
        Gradient::Flow(vec![Some(div(g, half, y))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(0.2, 3.0)], |g, v| sqrt(g, v[0]))]
}
