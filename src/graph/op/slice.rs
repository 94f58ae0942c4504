//! `Slice`: a range of positions of one axis.

use super::{Case, Operand, concat, constant_of_shape, rule};
use crate::graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extent, extents};

#[derive(Debug)]
struct Slice {
    axis: usize,
    start: Dim,
    end: Dim,
}

/// Positions `start..end` of `axis`, which counts from the end if negative; `x` itself if that is all. Bounds may be
/// symbolic; known ones are checked. Many slices of one tensor are better one `split`, for the sake of the gradient.
#[track_caller]
pub fn slice(g: &mut Graph, x: Value, axis: i64, start: impl Into<Dim>, end: impl Into<Dim>) -> Value {
    let (start, end) = (start.into(), end.into());
    let axis = g.fact(x).axis(axis).unwrap_or_else(|mismatch| crate::failure::bug(mismatch));
    if start.is(0) && end == g.fact(x).shape[axis] {
        return x;
    }
    let starts = extents(g, std::slice::from_ref(&start));
    let ends = extents(g, std::slice::from_ref(&end));
    let axes = extent::vector(g, vec![axis as i64]);
    g.apply(Slice { axis, start, end }, &[x, starts, ends, axes])
}

impl Op for Slice {
    fn onnx(&self) -> &'static str {
        "Slice"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _, _, _] = rule::all(inputs)?;
        let mut shape = x.shape.clone();
        let size = self.end.minus(&self.start);
        let rest = x.shape[self.axis].minus(&self.end);
        let negative = |dim: &Dim| dim.symbols().is_empty() && dim.as_known().is_none();
        if negative(&size) || negative(&rest) || negative(&self.start) {
            return Err(Mismatch::new(format!("{}..{} of axis {} of {x}", self.start, self.end, self.axis)));
        }
        shape[self.axis] = size;
        Ok(vec![x.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (x, dy) = (cx.input(0), cx.upstream());
        let g = &mut *cx.graph;
        let fact = g.fact(x).clone();
        let mut parts = Vec::new();
        for (before, size) in [(true, self.start.clone()), (false, fact.shape[self.axis].minus(&self.end))] {
            if !size.is(0) {
                let mut shape = fact.shape.clone();
                shape[self.axis] = size;
                parts.push(constant_of_shape(g, &shape, 0.0, fact.dtype));
            }
            if before {
                parts.push(dy);
            }
        }
        Gradient::Flow(vec![Some(concat(g, &parts, self.axis as i64)), None, None, None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("middle", vec![Operand::real(&[2, 5])], |g, v| slice(g, v[0], -1, 1, 3)),
        Case::new("head", vec![Operand::real(&[4])], |g, v| slice(g, v[0], 0, 0, 2)),
        Case::new("tail", vec![Operand::real(&[4, 2])], |g, v| slice(g, v[0], 0, 3, 4)),
    ]
}
