//! `And`: combines truth values element by element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct And;

/// Whether both are true; bool tensors whose shapes broadcast. The gradient is zero.
#[track_caller]
pub fn and(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(And, &[a, b])
}

impl Op for And {
    fn onnx(&self) -> &'static str {
        "And"
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
        and(g, v[0], v[1])
    })]
}
