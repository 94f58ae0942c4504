//! `Squeeze`: removes axes of extent 1.

use super::{Case, Operand, rule, unsqueeze};
use crate::graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extent};

#[derive(Debug)]
struct Squeeze {
    axes: Vec<usize>,
}

/// `x` without `axes`, which must have extent 1 and count from the end if negative.
#[track_caller]
pub fn squeeze(g: &mut Graph, x: Value, axes: &[i64]) -> Value {
    if axes.is_empty() {
        return x;
    }
    let axes = rule::axes(g.fact(x), axes).unwrap_or_else(|mismatch| crate::failure::bug(mismatch));
    let positions = extent::vector(g, axes.iter().map(|axis| *axis as i64).collect());
    g.apply(Squeeze { axes }, &[x, positions])
}

impl Op for Squeeze {
    fn onnx(&self) -> &'static str {
        "Squeeze"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        if self.axes.iter().any(|axis| !x.shape[*axis].is(1)) {
            return Err(Mismatch::new(format!("axes {:?} of {x} are not all of extent 1", self.axes)));
        }
        let kept = x.shape.iter().enumerate().filter(|(axis, _)| !self.axes.contains(axis));
        let shape: Vec<Dim> = kept.map(|(_, dim)| dim.clone()).collect();
        Ok(vec![x.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let axes: Vec<i64> = self.axes.iter().map(|axis| *axis as i64).collect();
        let dy = cx.upstream();
        Gradient::Flow(vec![Some(unsqueeze(cx.graph, dy, &axes)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("last", vec![Operand::real(&[2, 3, 1])], |g, v| squeeze(g, v[0], &[-1])),
        Case::new("two", vec![Operand::real(&[1, 3, 1])], |g, v| squeeze(g, v[0], &[0, 2])),
    ]
}
