//! `Unsqueeze`: adds axes of extent 1.

use super::{Case, Operand, rule, squeeze};
use crate::graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extent};

#[derive(Debug)]
struct Unsqueeze {
    axes: Vec<usize>,
}

/// `x` with axes of extent 1 added, so that they are at positions `axes` of the result; these count from the end if
/// negative.
#[track_caller]
pub fn unsqueeze(g: &mut Graph, x: Value, axes: &[i64]) -> Value {
    if axes.is_empty() {
        return x;
    }
    let widened = Fact::new(g.dtype(x), &vec![Dim::known(1); g.fact(x).rank() + axes.len()]);
    let axes = rule::axes(&widened, axes).unwrap_or_else(|mismatch| crate::failure::bug(mismatch));
    let positions = extent::vector(g, axes.iter().map(|axis| *axis as i64).collect());
    g.apply(Unsqueeze { axes }, &[x, positions])
}

impl Op for Unsqueeze {
    fn onnx(&self) -> &'static str {
        "Unsqueeze"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        let mut shape = x.shape.clone();
        self.axes.iter().for_each(|axis| shape.insert(*axis, Dim::known(1)));
        Ok(vec![x.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let axes: Vec<i64> = self.axes.iter().map(|axis| *axis as i64).collect();
        let dy = cx.upstream();
        Gradient::Flow(vec![Some(squeeze(cx.graph, dy, &axes)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("last", vec![Operand::real(&[2, 3])], |g, v| unsqueeze(g, v[0], &[-1])),
        Case::new("two", vec![Operand::real(&[2, 3])], |g, v| unsqueeze(g, v[0], &[0, 2])),
    ]
}
