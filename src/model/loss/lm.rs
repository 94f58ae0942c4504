//! Language modelling: every token of a text is predicted from those before it.

use super::{Built, Examples, Given, Loss, Unit};
use crate::graph::{Graph, Value, op};

/// `-log p(token)`, averaged over all tokens of the step, as Hugging Face's Trainer does.
#[derive(Debug)]
pub(super) struct Lm;

impl Loss for Lm {
    fn name(&self) -> &'static str {
        "lm"
    }

    fn about(&self) -> &'static str {
        "cross-entropy of every token of a text"
    }

    fn examples(&self) -> Examples {
        Examples::Texts
    }

    fn unit(&self) -> Unit {
        Unit::Token
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        Built { loss: cross_entropy(g, given.roles[0].log_probability), metrics: Vec::new() }
    }
}

/// The sum of `-log p` over tokens.
pub(super) fn cross_entropy(g: &mut Graph, log_probability: Value) -> Value {
    let sum = op::reduce_sum(g, log_probability, &[0], op::KeepDims::No);
    op::neg(g, sum)
}
