//! Language modelling: every token of a text is predicted from those before it.

use super::{Built, Examples, Loss, Reduction, Role, Settings, Unit};
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

    fn reduction(&self) -> Reduction {
        Reduction::Tokens
    }

    fn build(&self, g: &mut Graph, roles: &[Role], _settings: &Settings) -> Built {
        Built { loss: cross_entropy(g, roles[0].log_probability), metrics: Vec::new() }
    }
}

/// The sum of `-log p` over tokens.
pub(super) fn cross_entropy(g: &mut Graph, log_probability: Value) -> Value {
    let sum = op::reduce_sum(g, log_probability, &[0], op::KeepDims::No);
    op::neg(g, sum)
}
