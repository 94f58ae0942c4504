//! `Shape`: the extents of a tensor as a vector.

use std::ops::Range;

use super::{Case, KeepDims, Operand, cast, mul, reduce_sum, rule};
use crate::{
    graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

#[derive(Debug)]
struct Shape {
    axes: Range<usize>,
}

/// The extents of `axes` of a tensor at run time, as an i64 vector. The gradient is zero.
#[track_caller]
pub fn shape(g: &mut Graph, x: Value, axes: Range<usize>) -> Value {
    g.apply(Shape { axes }, &[x])
}

impl Op for Shape {
    fn onnx(&self) -> &'static str {
        "Shape"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("start", self.axes.start as i64), Attribute::int("end", self.axes.end as i64)]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        if self.axes.start > self.axes.end || self.axes.end > x.rank() {
            return Err(Mismatch::new(format!("axes {:?} of {x}", self.axes)));
        }
        Ok(vec![Fact::new(DType::I64, &[Dim::known(self.axes.len())])])
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("scales", vec![Operand::real(&[2, 3])], |g, v| {
        let extents = shape(g, v[0], 0..2);
        let extents = cast(g, extents, DType::F64);
        let sum = reduce_sum(g, extents, &[], KeepDims::No);
        mul(g, v[0], sum)
    })]
}
