//! `Expand`: repeats a tensor along axes of extent 1.

use super::{Case, Operand, rule};
use crate::{
    dims,
    graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, broadcast, extents, shape_text},
};

#[derive(Debug)]
struct Expand {
    target: Vec<Dim>,
}

/// `x` broadcast to the shape `target`; `x` itself if it has it.
#[track_caller]
pub fn expand(g: &mut Graph, x: Value, target: &[Dim]) -> Value {
    if g.fact(x).shape == target {
        return x;
    }
    let vector = extents(g, target);
    g.apply(Expand { target: target.to_vec() }, &[x, vector])
}

impl Op for Expand {
    fn onnx(&self) -> &'static str {
        "Expand"
    }

    fn broadcasts(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        if broadcast(&x.shape, &self.target)? != self.target {
            return Err(Mismatch::new(format!("{x} does not expand to {}", shape_text(&self.target))));
        }
        Ok(vec![x.with_shape(&self.target)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Flow(vec![Some(cx.narrow_upstream()), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("rows", vec![Operand::real(&[3])], |g, v| expand(g, v[0], &dims![2, 3])),
        Case::new("middle", vec![Operand::real(&[2, 1, 3])], |g, v| expand(g, v[0], &dims![2, 2, 3])),
        Case::new("scalar", vec![Operand::real(&[])], |g, v| expand(g, v[0], &dims![2, 2])),
    ]
}
