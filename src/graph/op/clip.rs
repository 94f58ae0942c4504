//! `Clip`: limits every element to a range.

use super::{Case, Operand, and, greater_or_equal, less_or_equal, rule, where_};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Clip;

/// Every element of a float tensor, moved into `low..=high`. The gradient is zero outside.
#[track_caller]
pub fn clip(g: &mut Graph, x: Value, low: f64, high: f64) -> Value {
    let dtype = g.dtype(x);
    let (low, high) = (g.scalar(low, dtype), g.scalar(high, dtype));
    g.apply(Clip, &[x, low, high])
}

impl Op for Clip {
    fn onnx(&self) -> &'static str {
        "Clip"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, low, high] = rule::all(inputs)?;
        if x.dtype == low.dtype && x.dtype == high.dtype {
            rule::unary(&inputs[..1])
        } else {
            Err(Mismatch::new(format!("{x} cannot be limited to {low} and {high}")))
        }
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (x, low, high, dy) = (cx.input(0), cx.input(1), cx.input(2), cx.narrow_upstream());
        let g = &mut *cx.graph;
        let above = greater_or_equal(g, x, low);
        let below = less_or_equal(g, x, high);
        let inside = and(g, above, below);
        let zero = g.scalar(0.0, g.dtype(x));
        Gradient::Flow(vec![Some(where_(g, inside, dy, zero)), None, None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("both ends", vec![Operand::real(&[4, 5])], |g, v| clip(g, v[0], -0.7, 0.9))]
}
