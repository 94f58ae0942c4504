//! `Less`: compares two tensors element by element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Less;

/// Whether `a` is smaller, `a < b`, as bool; shapes broadcast. The gradient is zero.
#[track_caller]
pub fn less(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Less, &[a, b])
}

impl Op for Less {
    fn onnx(&self) -> &'static str {
        "Less"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::comparison(inputs)
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("broadcast", vec![Operand::real(&[2, 3]), Operand::real(&[3])], |g, v| {
        less(g, v[0], v[1])
    })]
}
