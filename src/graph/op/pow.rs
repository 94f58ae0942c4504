//! `Pow`: the power of two tensors, element by element.

use super::{Case, Operand, log, mul, rule, sub};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Pow;

/// The power `a ^ b`, element by element; shapes broadcast. The gradient by `b` needs `a > 0`.
#[track_caller]
pub fn pow(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Pow, &[a, b])
}

impl Op for Pow {
    fn onnx(&self) -> &'static str {
        "Pow"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::binary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (dy, a, b, y) = (cx.narrow_upstream(), cx.input(0), cx.input(1), cx.output());
        let d_a = cx.if_needed(0, |cx| by_base(cx.graph, dy, a, b));
        let d_b = cx.if_needed(1, |cx| {
            let g = &mut *cx.graph;
            let logarithm = log(g, a);
            let slope = mul(g, y, logarithm);
            mul(g, dy, slope)
        });
        Gradient::Flow(vec![d_a, d_b])
    }
}

/// `dy b a^(b-1)`. The factor goes to `dy`, which may be narrow, and a constant 2 needs no power: kernels compute powers
/// other than small whole ones element by element.
fn by_base(g: &mut Graph, dy: Value, a: Value, b: Value) -> Value {
    let scaled = mul(g, dy, b);
    let dtype = g.dtype(b);
    if b == g.scalar(2.0, dtype) {
        return mul(g, scaled, a);
    }
    let one = g.scalar(1.0, dtype);
    let lower = sub(g, b, one);
    let power = pow(g, a, lower);
    mul(g, scaled, power)
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize]| {
        let operands = vec![Operand::real(a).within(0.3, 2.0), Operand::real(b).within(0.3, 2.0)];
        Case::new(name, operands, |g, v| pow(g, v[0], v[1]))
    };
    vec![
        case("same shape", &[2, 3], &[2, 3]),
        case("scalar", &[2, 3], &[]),
        case("row against column", &[1, 3], &[2, 1]),
        case("more axes on the right", &[3], &[2, 1, 3]),
        Case::new("square", vec![Operand::real(&[2, 3])], |g, v| {
            let two = g.scalar(2.0, g.dtype(v[0]));
            pow(g, v[0], two)
        }),
    ]
}
