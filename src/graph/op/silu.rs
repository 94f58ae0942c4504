//! `x sigmoid(x)`: the sigmoid-weighted linear unit, as one product whose gradient reuses its output.

use super::{
    Case, Operand, add, mul,
    rule::{self, one_minus},
    sigmoid,
};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

/// Inputs: `x` and its sigmoid.
#[derive(Debug)]
struct Silu;

/// `x / (1 + exp(-x))` for every element of a float tensor.
#[track_caller]
pub fn silu(g: &mut Graph, x: Value) -> Value {
    let opened = sigmoid(g, x);
    g.apply(Silu, &[x, opened])
}

impl Op for Silu {
    fn onnx(&self) -> &'static str {
        "Mul"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::binary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        // With s = sigmoid(x) and y = x s, the derivative is s + y (1 - s): the whole of it, so none goes to `s`.
        let (s, y, dy) = (cx.input(1), cx.output(), cx.narrow_upstream());
        let g = &mut *cx.graph;
        let closed = one_minus(g, s);
        let bent = mul(g, y, closed);
        let slope = add(g, s, bent);
        Gradient::Flow(vec![Some(mul(g, dy, slope)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3]).within(-3.0, 3.0)], |g, v| silu(g, v[0]))]
}
