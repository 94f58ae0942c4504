//! `Abs`: the magnitude of every element.

use super::{Case, Operand, mul, rule, sign};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Abs;

/// The magnitude of every element of a float tensor: `|x|`.
pub fn abs(g: &mut Graph, x: Value) -> Value {
    g.apply(Abs, &[x])
}

impl Op for Abs {
    fn onnx(&self) -> &'static str {
        "Abs"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let x = cx.input(0);
        let g = &mut *cx.graph;
        let slope = sign(g, x);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(0.1, 2.0)], |g, v| abs(g, v[0]))]
}
