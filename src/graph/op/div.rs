//! `Div`: the quotient of two tensors, element by element.

use super::{Case, Operand, mul, neg, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Div;

/// The quotient `a / b`, element by element; shapes broadcast.
#[track_caller]
pub fn div(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Div, &[a, b])
}

impl Op for Div {
    fn onnx(&self) -> &'static str {
        "Div"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::binary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (dy, b, y) = (cx.narrow_upstream(), cx.input(1), cx.output());
        let scaled = div(cx.graph, dy, b);
        let d_b = cx.if_needed(1, |cx| {
            let product = mul(cx.graph, scaled, y);
            let sum = cx.sum_to_input(1, product);
            neg(cx.graph, sum)
        });
        let d_a = cx.if_needed(0, |cx| cx.sum_to_input(0, scaled));
        Gradient::Summed(vec![d_a, d_b])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize]| {
        let operands = vec![Operand::real(a).within(0.3, 2.0), Operand::real(b).within(0.3, 2.0)];
        Case::new(name, operands, |g, v| div(g, v[0], v[1]))
    };
    vec![
        case("same shape", &[2, 3], &[2, 3]),
        case("scalar", &[2, 3], &[]),
        case("row against column", &[1, 3], &[2, 1]),
        case("more axes on the right", &[3], &[2, 1, 3]),
    ]
}
