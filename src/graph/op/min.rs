//! `Min`: the smaller of two tensors, element by element.

use super::{Case, Operand, less_or_equal, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Min;

/// The smaller `min(a, b)`, element by element; shapes broadcast. At a tie the gradient goes to `a`.
#[track_caller]
pub fn min(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Min, &[a, b])
}

impl Op for Min {
    fn onnx(&self) -> &'static str {
        "Min"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::binary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let wins = less_or_equal(cx.graph, cx.input(0), cx.input(1));
        rule::to_winner(cx, wins)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, a: &[usize], b: &[usize]| {
        let operands = vec![Operand::real(a).within(-2.0, 2.0), Operand::real(b).within(-2.0, 2.0)];
        Case::new(name, operands, |g, v| min(g, v[0], v[1]))
    };
    vec![
        case("same shape", &[2, 3], &[2, 3]),
        case("scalar", &[2, 3], &[]),
        case("row against column", &[1, 3], &[2, 1]),
        case("more axes on the right", &[3], &[2, 1, 3]),
    ]
}
