//! `Mul`: the product of two tensors, element by element.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Mul;

/// The product `a * b`, element by element; shapes broadcast.
#[track_caller]
pub fn mul(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Mul, &[a, b])
}

impl Op for Mul {
    fn onnx(&self) -> &'static str {
        "Mul"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::binary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (dy, a, b) = (cx.narrow_upstream(), cx.input(0), cx.input(1));
        let d_a = cx.if_needed(0, |cx| mul(cx.graph, dy, b));
        let d_b = cx.if_needed(1, |cx| mul(cx.graph, dy, a));
        Gradient::Flow(vec![d_a, d_b])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize]| {
        let operands = vec![Operand::real(a).within(-2.0, 2.0), Operand::real(b).within(-2.0, 2.0)];
        Case::new(name, operands, |g, v| mul(g, v[0], v[1]))
    };
    vec![
        case("same shape", &[2, 3], &[2, 3]),
        case("scalar", &[2, 3], &[]),
        case("row against column", &[1, 3], &[2, 1]),
        case("more axes on the right", &[3], &[2, 1, 3]),
    ]
}
