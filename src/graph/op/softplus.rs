//! `Softplus`: the smooth maximum with 0 of every element.

use super::{Case, Operand, mul, rule, sigmoid};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Softplus;

/// The smooth maximum with 0 of every element of a float tensor: `ln(1 + exp x)`.
pub fn softplus(g: &mut Graph, x: Value) -> Value {
    g.apply(Softplus, &[x])
}

impl Op for Softplus {
    fn onnx(&self) -> &'static str {
        "Softplus"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let x = cx.input(0);
        let g = &mut *cx.graph;
        let slope = sigmoid(g, x);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let operands = vec![Operand::real(&[2, 3]).within(-3.0, 3.0)];
    vec![Case::new("matrix", operands, |g, v| softplus(g, v[0])).single()]
}
