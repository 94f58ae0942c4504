//! `Sign`: -1, 0 or 1 for every element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Sign;

/// The sign of every element of a float tensor. The gradient is zero.
#[track_caller]
pub fn sign(g: &mut Graph, x: Value) -> Value {
    g.apply(Sign, &[x])
}

impl Op for Sign {
    fn onnx(&self) -> &'static str {
        "Sign"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("positive", vec![Operand::real(&[3]).within(0.1, 1.0)], |g, v| sign(g, v[0])),
        Case::new("negative", vec![Operand::real(&[3]).within(-1.0, -0.1)], |g, v| sign(g, v[0])),
    ]
}
