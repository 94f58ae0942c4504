//! `Equal`: compares two tensors element by element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Equal;

/// Whether elements are equal, `a == b`, as bool; shapes broadcast. The gradient is zero.
#[track_caller]
pub fn equal(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Equal, &[a, b])
}

impl Op for Equal {
    fn onnx(&self) -> &'static str {
        "Equal"
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
        equal(g, v[0], v[1])
    })]
}
