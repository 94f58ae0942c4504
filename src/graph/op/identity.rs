//! `Identity`: the same value under another name.

use super::{Case, Operand, rule};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Identity;

/// The same tensor, of any type.
#[track_caller]
pub fn identity(g: &mut Graph, x: Value) -> Value {
    g.apply(Identity, &[x])
}

impl Op for Identity {
    fn onnx(&self) -> &'static str {
        "Identity"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x] = rule::all(inputs)?;
        Ok(vec![x.clone()])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Flow(vec![Some(cx.narrow_upstream())])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("matrix", vec![Operand::real(&[2, 3])], |g, v| identity(g, v[0]))]
}
