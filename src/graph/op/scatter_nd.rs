//! `ScatterND` on the first axis: puts whole slices at positions.

use super::{Case, Operand, gather, rule, squeeze, zeros_like};
use crate::{
    graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

#[derive(Debug)]
struct ScatterNd;

/// `data [M,..]` with the slices `updates [N,..]` put at `positions` i64 `[N,1]` of its first axis; positions must not
/// repeat. Bound to one buffer, input and output are updated in place: only the slices are written.
#[track_caller]
pub fn scatter_nd(g: &mut Graph, data: Value, positions: Value, updates: Value) -> Value {
    g.apply(ScatterNd, &[data, positions, updates])
}

impl Op for ScatterNd {
    fn onnx(&self) -> &'static str {
        "ScatterND"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [data, positions, updates] = rule::all(inputs)?;
        let fits = positions.rank() == 2
            && positions.shape[1].is(1)
            && positions.shape.first() == updates.shape.first()
            && data.shape.get(1..) == updates.shape.get(1..)
            && data.dtype == updates.dtype
            && positions.dtype == DType::I64;
        if fits {
            Ok(vec![data.clone()])
        } else {
            Err(Mismatch::new(format!("{updates} at {positions} into {data}")))
        }
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (positions, updates, dy) = (cx.input(1), cx.input(2), cx.upstream());
        let d_data = cx.if_needed(0, |cx| {
            let zeros = zeros_like(cx.graph, updates);
            scatter_nd(cx.graph, dy, positions, zeros)
        });
        let d_updates = cx.if_needed(2, |cx| {
            let positions = squeeze(cx.graph, positions, &[1]);
            gather(cx.graph, dy, positions, 0)
        });
        Gradient::Flow(vec![d_data, None, d_updates])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let operands = vec![Operand::real(&[4, 3]), Operand::given(&[2, 1], &[2, 0]), Operand::real(&[2, 3])];
    vec![Case::new("two of four rows", operands, |g, v| scatter_nd(g, v[0], v[1], v[2]))]
}
