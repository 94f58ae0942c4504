//! `Mod`: the remainder of a division of integers.

use super::{Case, Operand, add, cast, rule};
use crate::{
    graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value},
    tensor::DType,
};

#[derive(Debug)]
struct Mod;

/// The remainder of `a / b` with the sign of `b`, element by element: integers only; shapes broadcast. The gradient is
/// zero.
#[track_caller]
pub fn modulo(g: &mut Graph, a: Value, b: Value) -> Value {
    g.apply(Mod, &[a, b])
}

impl Op for Mod {
    fn onnx(&self) -> &'static str {
        "Mod"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let facts = rule::binary(inputs)?;
        if facts[0].dtype.is_float() { Err(Mismatch::new("integers are needed")) } else { Ok(facts) }
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("added to reals", vec![Operand::real(&[3]), Operand::given(&[3], &[7, -1, 9])], |g, v| {
        let three = g.scalar(3.0, DType::I64);
        let rest = modulo(g, v[1], three);
        let rest = cast(g, rest, DType::F64);
        add(g, v[0], rest)
    })]
}
