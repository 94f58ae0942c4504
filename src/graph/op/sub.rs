//! `Sub`: the difference of two tensors, element by element.

use super::{Case, Operand, neg, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Sub;

/// The difference `a - b`, element by element; shapes broadcast.
#[track_caller]
pub fn sub(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Sub, &[a, b])
}

impl Op for Sub {
    fn onnx(&self) -> &'static str {
        "Sub"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::binary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let d_b = cx.if_needed(1, |cx| {
            let sum = cx.sum_to_input(1, dy);
            neg(cx.graph, sum)
        });
        let d_a = cx.if_needed(0, |cx| cx.sum_to_input(0, dy));
        Gradient::Summed(vec![d_a, d_b])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize]| {
        let operands = vec![Operand::real(a).within(-2.0, 2.0), Operand::real(b).within(-2.0, 2.0)];
        Case::new(name, operands, |g, v| sub(g, v[0], v[1]))
    };
    vec![
        case("same shape", &[2, 3], &[2, 3]),
        case("scalar", &[2, 3], &[]),
        case("row against column", &[1, 3], &[2, 1]),
        case("more axes on the right", &[3], &[2, 1, 3]),
    ]
}
