//! `ScatterElements`: puts or adds single elements at their positions along an axis.

use super::{Case, Operand, gather_elements, rule, zeros_like};
use crate::{
    graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

/// What happens to the element that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scatter {
    /// It is replaced; positions must not repeat.
    Replace,
    /// The update is added to it; positions may repeat.
    Add,
}

#[derive(Debug)]
struct ScatterElements {
    axis: i64,
    mode: Scatter,
}

/// `data` with every element of `updates` put or added at the same place, except that its position along `axis` is the
/// element of `indices` (i64 or i32, the shape of `updates`).
#[track_caller]
pub fn scatter_elements(
    g: &mut Graph,
    data: Value,
    indices: Value,
    updates: Value,
    axis: i64,
    mode: Scatter,
) -> Value {
    g.apply(ScatterElements { axis, mode }, &[data, indices, updates])
}

impl Op for ScatterElements {
    fn onnx(&self) -> &'static str {
        "ScatterElements"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::int("axis", self.axis)];
        if self.mode == Scatter::Add {
            attributes.push(Attribute::text("reduction", "add"));
        }
        attributes
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [data, indices, updates] = rule::all(inputs)?;
        data.axis(self.axis)?;
        let fits =
            indices.shape == updates.shape && data.rank() == indices.rank() && data.dtype == updates.dtype;
        if !fits || !matches!(indices.dtype, DType::I64 | DType::I32) {
            return Err(Mismatch::new(format!("{updates} at {indices} into {data}")));
        }
        Ok(vec![data.clone()])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (indices, updates, dy) = (cx.input(1), cx.input(2), cx.upstream());
        let d_data = cx.if_needed(0, |cx| match self.mode {
            Scatter::Add => dy,
            Scatter::Replace => {
                let zeros = zeros_like(cx.graph, updates);
                scatter_elements(cx.graph, dy, indices, zeros, self.axis, Scatter::Replace)
            }
        });
        let d_updates = cx.if_needed(2, |cx| gather_elements(cx.graph, dy, indices, self.axis));
        Gradient::Flow(vec![d_data, None, d_updates])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let operands = |positions: &'static [i64]| {
        vec![Operand::real(&[2, 4]), Operand::given(&[2, 2], positions), Operand::real(&[2, 2])]
    };
    vec![
        Case::new("replace", operands(&[3, 0, 1, 2]), |g, v| {
            scatter_elements(g, v[0], v[1], v[2], 1, Scatter::Replace)
        }),
        Case::new("add with repetitions", operands(&[3, 3, 1, 2]), |g, v| {
            scatter_elements(g, v[0], v[1], v[2], 1, Scatter::Add)
        }),
    ]
}
