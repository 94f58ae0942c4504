//! `Gather`: whole slices of a tensor by their positions along an axis; rows of an embedding table.

use super::{Case, Operand, Scatter, cast, constant_of_shape, expand, reshape, rule, scatter_elements};
use crate::{
    graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

#[derive(Debug)]
struct Gather {
    axis: i64,
}

/// The slices of `data` at positions `indices` (i64 or i32, any shape) of `axis`, which counts from the end if negative:
/// with axis 0, `[V,D]` and `[B,T]` give `[B,T,D]`. Repeated positions add up in the gradient.
#[track_caller]
pub fn gather(g: &mut Graph, data: Value, indices: Value, axis: i64) -> Value {
    g.apply(Gather { axis }, &[data, indices])
}

impl Op for Gather {
    fn onnx(&self) -> &'static str {
        "Gather"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [data, indices] = rule::all(inputs)?;
        if !matches!(indices.dtype, DType::I64 | DType::I32) {
            return Err(Mismatch::new(format!("positions in {indices}")));
        }
        let axis = data.axis(self.axis)?;
        let (before, after) = (&data.shape[..axis], &data.shape[axis + 1..]);
        Ok(vec![data.with_shape(&[before, &indices.shape, after].concat())])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (data, indices, dy) = (cx.input(0), cx.input(1), cx.upstream());
        let g = &mut *cx.graph;
        let axis = g.fact(data).axis(self.axis).unwrap_or_default();
        let count = Dim::product(&g.fact(indices).shape);
        // [..,I..,..] -> [..,N,..], with the positions repeated for every element of a slice.
        let mut shape = g.shape(data);
        shape[axis] = count.clone();
        let updates = reshape(g, dy, &shape);
        let mut narrow = vec![Dim::known(1); shape.len()];
        narrow[axis] = count;
        let positions = reshape(g, indices, &narrow);
        let positions = expand(g, positions, &shape);
        // A position may occur often: half precision would lose the small summands (and has no kernel on the CPU).
        let dtype = g.dtype(data);
        let wide = if matches!(dtype, DType::F16 | DType::Bf16) { DType::F32 } else { dtype };
        let updates = cast(g, updates, wide);
        let zeros = constant_of_shape(g, &g.shape(data), 0.0, wide);
        let summed = scatter_elements(g, zeros, positions, updates, axis as i64, Scatter::Add);
        Gradient::Flow(vec![Some(cast(g, summed, dtype)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "rows with repetitions",
            vec![Operand::real(&[3, 2]), Operand::given(&[2, 3], &[0, 2, 2, 0, 2, 0])],
            |g, v| gather(g, v[0], v[1], 0),
        ),
        Case::new("one row", vec![Operand::real(&[3, 2]), Operand::given(&[], &[1])], |g, v| {
            gather(g, v[0], v[1], 0)
        }),
        Case::new("columns", vec![Operand::real(&[2, 4]), Operand::given(&[3], &[3, 1, 3])], |g, v| {
            gather(g, v[0], v[1], -1)
        }),
    ]
}
