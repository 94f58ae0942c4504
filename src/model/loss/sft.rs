//! Supervised fine-tuning: the tokens of a completion are predicted, those of the prompt are given (methods P3).

use super::{Built, Examples, Given, Loss, Unit, lm::cross_entropy};
use crate::graph::Graph;

/// `-log p(token)`, averaged over all completion tokens of the step.
#[derive(Debug)]
pub(super) struct Sft;

impl Loss for Sft {
    fn name(&self) -> &'static str {
        "sft"
    }

    fn about(&self) -> &'static str {
        "cross-entropy of the completion's tokens after the prompt"
    }

    fn examples(&self) -> Examples {
        Examples::Completions
    }

    fn unit(&self) -> Unit {
        Unit::Token
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        Built { loss: cross_entropy(g, given.roles[0].log_probability), metrics: Vec::new() }
    }
}
