//! `GatherElements`: single elements by their positions along an axis.

use super::{Case, Operand, Scatter, rule, scatter_elements, zeros_like};
use crate::{
    graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

#[derive(Debug)]
struct GatherElements {
    axis: i64,
}

/// For every element of `indices` (i64 or i32, as many axes as `x`), the element of `x` at the same place, except that its
/// position along `axis` is the index.
#[track_caller]
pub fn gather_elements(g: &mut Graph, x: Value, indices: Value, axis: i64) -> Value {
    g.apply(GatherElements { axis }, &[x, indices])
}

impl Op for GatherElements {
    fn onnx(&self) -> &'static str {
        "GatherElements"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", self.axis)]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, indices] = rule::all(inputs)?;
        x.axis(self.axis)?;
        if x.rank() != indices.rank() || !matches!(indices.dtype, DType::I64 | DType::I32) {
            return Err(Mismatch::new(format!("positions {indices} of elements of {x}")));
        }
        Ok(vec![x.with_shape(&indices.shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (x, indices, dy) = (cx.input(0), cx.input(1), cx.upstream());
        let zeros = zeros_like(cx.graph, x);
        let summed = scatter_elements(cx.graph, zeros, indices, dy, self.axis, Scatter::Add);
        Gradient::Flow(vec![Some(summed), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "one per row",
            vec![Operand::real(&[3, 4]), Operand::given(&[3, 1], &[2, 0, 3])],
            |g, v| gather_elements(g, v[0], v[1], -1),
        ),
        Case::new(
            "repeated",
            vec![Operand::real(&[2, 3]), Operand::given(&[2, 2], &[1, 1, 0, 2])],
            |g, v| gather_elements(g, v[0], v[1], 1),
        ),
    ]
}
