//! `Sin`: the sine of every element.

use super::{Case, Operand, cos, mul, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Sin;

/// The sine of every element of a float tensor: `sin x`.
pub fn sin(g: &mut Graph, x: Value) -> Value {
    g.apply(Sin, &[x])
}

impl Op for Sin {
    fn onnx(&self) -> &'static str {
        "Sin"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let x = cx.input(0);
        let g = &mut *cx.graph;
        let slope = cos(g, x);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-3.0, 3.0)], |g, v| sin(g, v[0]))]
}
