//! `CumSum`: running sums along an axis.

use super::{Case, Operand, rule};
use crate::{
    graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::{DType, Tensor},
};

/// Where a running sum starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// At the first element.
    Forward,
    /// At the last element.
    Backward,
}

#[derive(Debug)]
struct CumSum {
    axis: usize,
    direction: Direction,
}

/// For every element, the sum of it and all elements before it (or after it) along `axis`, which counts from the end if
/// negative.
#[track_caller]
pub fn cumsum(g: &mut Graph, x: Value, axis: i64, direction: Direction) -> Value {
    let axis = g.fact(x).axis(axis).unwrap_or_else(|mismatch| crate::failure::bug(mismatch));
    let position = g.constant(Tensor::I64(ndarray::arr0(axis as i64).into_dyn()));
    g.apply(CumSum { axis, direction }, &[x, position])
}

impl Op for CumSum {
    fn onnx(&self) -> &'static str {
        "CumSum"
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self.direction {
            Direction::Forward => Vec::new(),
            Direction::Backward => vec![Attribute::int("reverse", 1)],
        }
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        if x.dtype == DType::Bool { Err(Mismatch::new("bool is not a number")) } else { Ok(vec![x.clone()]) }
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let opposite = match self.direction {
            Direction::Forward => Direction::Backward,
            Direction::Backward => Direction::Forward,
        };
        let dy = cx.upstream();
        Gradient::Flow(vec![Some(cumsum(cx.graph, dy, self.axis as i64, opposite)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("forward", vec![Operand::real(&[2, 3])], |g, v| cumsum(g, v[0], -1, Direction::Forward)),
        Case::new("backward", vec![Operand::real(&[3, 2])], |g, v| cumsum(g, v[0], 0, Direction::Backward)),
    ]
}
