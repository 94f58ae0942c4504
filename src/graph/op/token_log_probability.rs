//! The log-probability of one class per row, with a gradient in as few passes over `[N,V]` as it takes.
//!
//! The composition of log-softmax and `GatherElements` would make the gradient a row of zeros with one entry, sum it, and
//! subtract. Here the gather sees the logits as a further input, for the gradient rule only, and the rule writes
//! `(onehot - softmax) dy` directly: one exponential, one product, one addition per row.

use super::{
    Case, Operand, Scatter, exp, log_softmax, mul, neg, rule, scatter_elements, squeeze, stop_gradient,
    unsqueeze,
};
use crate::graph::{Attribute, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value};

/// Inputs: log-probabilities `[N,V]`, labels `[N,1]`, and for the gradient the logits `[N,V]`.
#[derive(Debug)]
struct TokenLogProbability;

/// `ln softmax(logits)[label]` for every row: `[N,V]` float and `[N]` i64 give `[N]`. Labels must be in `0..V`.
#[track_caller]
pub fn token_log_probability(g: &mut Graph, logits: Value, labels: Value) -> Value {
    let constant = stop_gradient_of_log_softmax(g, logits);
    let labels = unsqueeze(g, labels, &[1]);
    let picked = g.apply(TokenLogProbability, &[constant, labels, logits]);
    squeeze(g, picked, &[1])
}

fn stop_gradient_of_log_softmax(g: &mut Graph, logits: Value) -> Value {
    let log_probabilities = log_softmax(g, logits, -1);
    stop_gradient(g, log_probabilities)
}

impl Op for TokenLogProbability {
    fn onnx(&self) -> &'static str {
        "GatherElements"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::int("axis", 1)]
    }

    fn written_inputs(&self) -> Option<usize> {
        Some(2)
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [log_probabilities, labels, logits] = rule::all(inputs)?;
        if logits.rank() != 2 || labels.shape.first() != logits.shape.first() || log_probabilities != logits {
            return Err(Mismatch::new(format!("labels {labels} for logits {logits}")));
        }
        Ok(vec![logits.with_shape(&labels.shape)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let (log_probabilities, labels, dy) = (cx.input(0), cx.input(1), cx.upstream());
        let g = &mut *cx.graph;
        let softmax = exp(g, log_probabilities);
        let negative = neg(g, dy);
        let spread = mul(g, softmax, negative);
        let d_logits = scatter_elements(g, spread, labels, dy, 1, Scatter::Add);
        Gradient::Flow(vec![None, None, Some(d_logits)])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("three rows", vec![Operand::real(&[3, 5]), Operand::given(&[3], &[4, 0, 4])], |g, v| {
        token_log_probability(g, v[0], v[1])
    })]
}
