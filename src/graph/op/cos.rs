//! `Cos`: the cosine of every element.

use super::{Case, Operand, mul, neg, rule, sin};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Cos;

/// The cosine of every element of a float tensor: `cos x`.
pub fn cos(g: &mut Graph, x: Value) -> Value {
    g.apply(Cos, &[x])
}

impl Op for Cos {
    fn onnx(&self) -> &'static str {
        "Cos"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let x = cx.input(0);
        let g = &mut *cx.graph;
        let sine = sin(g, x);
        let slope = neg(g, sine);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-3.0, 3.0)], |g, v| cos(g, v[0]))]
}
