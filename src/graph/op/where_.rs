//! `Where`: one of two tensors, element by element.

use super::{Case, Operand, rule};
use crate::{
    graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, broadcast},
    tensor::DType,
};

#[derive(Debug)]
struct Where;

/// `a` where `condition` (bool) is true, else `b`; shapes broadcast.
#[track_caller]
pub fn where_(g: &mut Graph, condition: Value, a: Value, b: Value) -> Value {
    g.apply(Where, &[condition, a, b])
}

impl Op for Where {
    fn onnx(&self) -> &'static str {
        "Where"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [condition, a, b] = rule::all(inputs)?;
        if condition.dtype != DType::Bool || a.dtype != b.dtype {
            return Err(Mismatch::new(format!("a choice by {condition} between {a} and {b}")));
        }
        let shape = broadcast(&condition.shape, &broadcast(&a.shape, &b.shape)?)?;
        Ok(vec![a.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (condition, dy) = (cx.input(0), cx.narrow_upstream());
        let zero = cx.graph.scalar(0.0, cx.graph.dtype(dy));
        let d_a = cx.if_needed(1, |cx| where_(cx.graph, condition, dy, zero));
        let d_b = cx.if_needed(2, |cx| where_(cx.graph, condition, zero, dy));
        Gradient::Flow(vec![None, d_a, d_b])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, condition: &[usize], a: &[usize], b: &[usize]| {
        let operands = vec![Operand::truth(condition), Operand::real(a), Operand::real(b)];
        Case::new(name, operands, |g, v| where_(g, v[0], v[1], v[2]))
    };
    vec![
        case("same shape", &[2, 3], &[2, 3], &[2, 3]),
        case("scalar choice", &[2, 3], &[2, 3], &[]),
        case("wide condition", &[2, 3], &[3], &[2, 1]),
        case("narrow condition", &[2, 1], &[3], &[2, 3]),
    ]
}
