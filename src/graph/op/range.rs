//! `Range`: the integers from zero on.

use super::{Case, Operand, add, cast, rule, squeeze};
use crate::{
    graph::{Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extent, extents},
    tensor::{DType, Tensor},
};

/// Ranges of known extent up to this are constants of the file.
const CONSTANT_UP_TO: usize = 1 << 16;

#[derive(Debug)]
struct Range {
    extent: Dim,
}

/// `[0, 1, .., extent-1]` as an i64 vector; a constant if the extent is known.
#[track_caller]
pub fn range(g: &mut Graph, extent: impl Into<Dim>) -> Value {
    let extent = extent.into();
    if let Some(extent) = extent.as_known().filter(|extent| *extent <= CONSTANT_UP_TO) {
        return extent::vector(g, (0..extent as i64).collect());
    }
    let limit = extents(g, std::slice::from_ref(&extent));
    let limit = squeeze(g, limit, &[0]);
    let mut scalar = |number: i64| g.constant(Tensor::I64(ndarray::arr0(number).into_dyn()));
    let (start, step) = (scalar(0), scalar(1));
    g.apply(Range { extent }, &[start, limit, step])
}

impl Op for Range {
    fn onnx(&self) -> &'static str {
        "Range"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [_, limit, _] = rule::all(inputs)?;
        Ok(vec![Fact::new(limit.dtype, std::slice::from_ref(&self.extent))])
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("added to columns", vec![Operand::real(&[2, 3])], |g, v| {
        let extent = g.shape(v[0])[1].clone();
        let positions = range(g, extent);
        let positions = cast(g, positions, DType::F64);
        add(g, v[0], positions)
    })]
}
