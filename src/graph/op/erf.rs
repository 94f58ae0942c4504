//! `Erf`: the error function of every element.

use super::{
    Case, Operand, exp, mul, neg,
    rule::{self, scaled},
};
use crate::graph::{Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

#[derive(Debug)]
struct Erf;

/// The error function of every element of a float tensor: `erf x`.
pub fn erf(g: &mut Graph, x: Value) -> Value {
    g.apply(Erf, &[x])
}

impl Op for Erf {
    fn onnx(&self) -> &'static str {
        "Erf"
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        rule::unary(inputs)
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let dy = cx.narrow_upstream();
        let x = cx.input(0);
        let g = &mut *cx.graph;
        let square = mul(g, x, x);
        let negative = neg(g, square);
        let bell = exp(g, negative);
        let slope = scaled(g, bell, std::f64::consts::FRAC_2_SQRT_PI);
        Gradient::Flow(vec![Some(mul(g, dy, slope))])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let operands = vec![Operand::real(&[2, 3]).within(-2.0, 2.0)];
    vec![Case::new("matrix", operands, |g, v| erf(g, v[0])).single()]
}
