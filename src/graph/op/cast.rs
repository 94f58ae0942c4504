//! `Cast`: another element type.

use super::{Case, Operand, rule};
use crate::{
    graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, export::element_type},
    tensor::{DType, close::Tolerance},
};

#[derive(Debug)]
struct Cast {
    to: DType,
}

/// `x` as another element type; `x` itself if it has it. The gradient by an integer or bool tensor is zero.
#[track_caller]
pub fn cast(g: &mut Graph, x: Value, to: DType) -> Value {
    if g.dtype(x) == to { x } else { g.apply(Cast { to }, &[x]) }
}

impl Op for Cast {
    fn onnx(&self) -> &'static str {
        "Cast"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("to", i64::from(element_type(self.to)))]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        Ok(vec![x.with_dtype(self.to)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let from = cx.graph.dtype(cx.input(0));
        if !from.is_float() || !self.to.is_float() {
            return Gradient::Zero;
        }
        let dy = cx.narrow_upstream();
        Gradient::Flow(vec![Some(cast(cx.graph, dy, from))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut narrowed = Case::new("to f32 and back", vec![Operand::real(&[2, 3])], |g, v| {
        let single = cast(g, v[0], DType::F32);
        cast(g, single, DType::F64)
    });
    narrowed.tolerance = Tolerance::GradientF32;
    vec![
        narrowed,
        Case::new("to integers", vec![Operand::real(&[2, 3]).within(0.1, 0.9)], |g, v| {
            cast(g, v[0], DType::I64)
        }),
        Case::new("from truth", vec![Operand::truth(&[2, 3])], |g, v| cast(g, v[0], DType::F64)),
    ]
}
