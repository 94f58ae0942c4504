//! `Identity` with a gradient that is declared zero.

use super::{Case, Operand, add, mul, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct StopGradient;

/// The same tensor, taken as a constant by every gradient.
#[track_caller]
pub fn stop_gradient(g: &mut Graph, x: Value) -> Value {
    g.apply(StopGradient, &[x])
}

impl Op for StopGradient {
    fn onnx(&self) -> &'static str {
        "Identity"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        Ok(vec![x.clone()])
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    // The gradient of stop(0 * x) + x is that of x; finite differences cannot tell a stopped path from a flat one.
    vec![Case::new("flat path", vec![Operand::real(&[2, 3])], |g, v| {
        let zero = g.scalar(0.0, g.dtype(v[0]));
        let flat = mul(g, v[0], zero);
        let stopped = stop_gradient(g, flat);
        add(g, stopped, v[0])
    })]
}
