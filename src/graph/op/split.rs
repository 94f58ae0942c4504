//! `Split`: cuts a tensor into parts along an axis.

use super::{Case, Operand, concat, mul, rule};
use crate::{
    dims,
    graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extents},
};

#[derive(Debug)]
struct Split {
    axis: i64,
    sizes: Vec<Dim>,
}

/// The parts of `x` along `axis`, of the given sizes, which must add up to its extent. One part is `x` itself.
#[track_caller]
pub fn split(g: &mut Graph, x: Value, axis: i64, sizes: &[Dim]) -> Vec<Value> {
    if let [only] = sizes
        && g.fact(x).axis(axis).is_ok_and(|axis| g.fact(x).shape[axis] == *only)
    {
        return vec![x];
    }
    let vector = extents(g, sizes);
    g.apply_all(Split { axis, sizes: sizes.to_vec() }, &[Some(x), Some(vector)])
}

impl Op for Split {
    fn onnx(&self) -> &'static str {
        "Split"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        let axis = x.axis(self.axis)?;
        let total = self.sizes.iter().fold(Dim::known(0), |total, size| total.plus(size));
        if total != x.shape[axis] {
            return Err(Mismatch::new(format!("parts {:?} of axis {axis} of {x}", self.sizes)));
        }
        let part = |size: &Dim| {
            let mut shape = x.shape.clone();
            shape[axis] = size.clone();
            x.with_shape(&shape)
        };
        Ok(self.sizes.iter().map(part).collect())
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let parts: Vec<Value> = (0..cx.outputs.len()).map(|index| cx.upstream_or_zeros(index)).collect();
        Gradient::Flow(vec![Some(concat(cx.graph, &parts, self.axis)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("both parts used", vec![Operand::real(&[2, 4])], |g, v| {
            let parts = split(g, v[0], 1, &dims![2, 2]);
            mul(g, parts[0], parts[1])
        }),
        Case::new("one part unused", vec![Operand::real(&[5])], |g, v| split(g, v[0], 0, &dims![2, 3])[1]),
    ]
}
