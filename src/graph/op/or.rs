//! `Or`: combines truth values element by element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Or;

/// Whether one or both are true; bool tensors whose shapes broadcast. The gradient is zero.
#[track_caller]
pub fn or(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Or, &[a, b])
}

impl Op for Or {
    fn onnx(&self) -> &'static str {
        "Or"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::logic(inputs)
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("broadcast", vec![Operand::truth(&[2, 3]), Operand::truth(&[3])], |g, v| {
        or(g, v[0], v[1])
    })]
}
