//! `ConstantOfShape`: one number, repeated.

use std::sync::Arc;

use super::{Case, Operand, add, full_tensor, rule};
use crate::{
    dims,
    graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extents},
    tensor::{DType, Tensor},
};

#[derive(Debug)]
struct ConstantOfShape {
    target: Vec<Dim>,
    /// One element.
    element: Arc<Tensor>,
}

/// A tensor of the shape `target` that holds `number` everywhere, rounded to `dtype`.
#[track_caller]
pub fn constant_of_shape(g: &mut Graph, target: &[Dim], number: f64, dtype: DType) -> Value {
    let vector = extents(g, target);
    let element = Arc::new(full_tensor(&[1], number, dtype));
    g.apply(ConstantOfShape { target: target.to_vec(), element }, &[vector])
}

impl Op for ConstantOfShape {
    fn onnx(&self) -> &'static str {
        "ConstantOfShape"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::tensor("value", Arc::clone(&self.element))]
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [_] = rule::all(inputs)?;
        Ok(vec![Fact::new(self.element.dtype(), &self.target)])
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Zero
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("added", vec![Operand::real(&[3])], |g, v| {
        let full = constant_of_shape(g, &dims![2, 3], 0.5, DType::F64);
        add(g, v[0], full)
    })]
}
