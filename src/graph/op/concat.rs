//! `Concat`: tensors one after the other along an axis.

use super::{Case, Operand, slice, split};
use crate::graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Concat {
    axis: i64,
}

/// `parts` one after the other along `axis`, which counts from the end if negative. A single part is returned as it is.
#[track_caller]
pub fn concat(g: &mut Graph, parts: &[Value], axis: i64) -> Value {
    if let [only] = parts { *only } else { g.apply(Concat { axis }, parts) }
}

impl Op for Concat {
    fn onnx(&self) -> &'static str {
        "Concat"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let parts: Vec<&Fact> = inputs.iter().copied().flatten().collect();
        let [first, rest @ ..] = &parts[..] else {
            return Err(Mismatch::new("nothing to concatenate"));
        };
        let axis = first.axis(self.axis)?;
        let mut shape = first.shape.clone();
        for part in rest {
            let fits = |(position, (a, b)): (usize, (&Dim, &Dim))| position == axis || a == b;
            let same_rank = part.rank() == first.rank() && part.dtype == first.dtype;
            if !same_rank || !part.shape.iter().zip(&first.shape).enumerate().all(fits) {
                return Err(Mismatch::new(format!("{part} does not continue {first} along axis {axis}")));
            }
            shape[axis] = shape[axis].plus(&part.shape[axis]);
        }
        Ok(vec![first.with_shape(&shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.upstream();
        let axis = cx.graph.fact(dy).axis(self.axis).unwrap_or_default();
        let sizes: Vec<Dim> =
            (0..cx.inputs.len()).map(|index| cx.graph.fact(cx.input(index)).shape[axis].clone()).collect();
        if cx.needed.iter().filter(|needed| **needed).count() > 1 {
            let parts = split(cx.graph, dy, self.axis, &sizes);
            return Gradient::Flow(parts.into_iter().map(Some).collect());
        }
        let mut start = Dim::known(0);
        let mut parts = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let end = start.plus(size);
            parts.push(cx.if_needed(index, |cx| slice(cx.graph, dy, self.axis, &start, &end)));
            start = end;
        }
        Gradient::Flow(parts)
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("rows", vec![Operand::real(&[2, 3]), Operand::real(&[1, 3])], |g, v| concat(g, v, 0)),
        Case::new("columns of three", vec![Operand::real(&[2, 1]); 3], |g, v| concat(g, v, -1)),
        Case::new(
            "one of two needed",
            vec![Operand::real(&[2, 1]).unchecked(), Operand::real(&[2, 2])],
            |g, v| concat(g, v, 1),
        ),
    ]
}
