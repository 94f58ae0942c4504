//! `Exp`: e to the power of every element.

use super::{Case, Operand, mul, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Exp;

/// E to the power of every element of a float tensor: `exp x`.
pub fn exp(g: &mut Graph, x: Value) -> Value {
    g.apply(Exp, &[x])
}

impl Op for Exp {
    fn onnx(&self) -> &'static str {
        "Exp"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let y = cx.output();
        let g = &mut *cx.graph;
        Gradient::Flow(vec![Some(mul(g, dy, y))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-2.0, 2.0)], |g, v| exp(g, v[0]))]
}
