//! `Neg`: the negative of every element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Neg;

/// The negative of every element of a float tensor: `-x`.
pub fn neg(g: &mut Graph, x: Value) -> Value {
    g.apply(Neg, &[x])
}

impl Op for Neg {
    fn onnx(&self) -> &'static str {
        "Neg"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let g = &mut *cx.graph;
        Gradient::Flow(vec![Some(neg(g, dy))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-2.0, 2.0)], |g, v| neg(g, v[0]))]
}
