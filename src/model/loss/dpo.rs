//! Direct preference optimization with the sigmoid loss (methods P2).
//!
//! `h = beta * [(logp_c - ref_c) - (logp_r - ref_r)]`, `loss = mean(-log sigmoid(h))` with summed log-probabilities.

use super::{Built, Examples, Loss, Reduction, Role, Settings, Unit};
use crate::{
    failure::bug,
    graph::{Graph, Value, op},
    tensor::DType,
};

/// Sigmoid DPO.
#[derive(Debug)]
pub(super) struct Dpo;

impl Loss for Dpo {
    fn name(&self) -> &'static str {
        "dpo"
    }

    fn about(&self) -> &'static str {
        "prefers chosen over rejected completions, relative to a reference model"
    }

    fn examples(&self) -> Examples {
        Examples::Pairs
    }

    fn unit(&self) -> Unit {
        Unit::Example
    }

    fn reduction(&self) -> Reduction {
        Reduction::Sum
    }

    fn needs_reference(&self) -> bool {
        true
    }

    fn build(&self, g: &mut Graph, roles: &[Role], settings: &Settings) -> Built {
        let [chosen, rejected] = roles else { bug("DPO has two roles") };
        let beta = g.scalar(settings.beta, DType::F32);
        let reward = |g: &mut Graph, role: &Role| {
            let Some(reference) = role.reference else { bug("DPO has a reference") };
            let gained = op::sub(g, role.log_probability, reference);
            op::mul(g, gained, beta)
        };
        let reward_chosen = g.scope("reward.chosen", |g| reward(g, chosen));
        let reward_rejected = g.scope("reward.rejected", |g| reward(g, rejected));
        let margin = op::sub(g, reward_chosen, reward_rejected);
        // -log sigmoid(h) = softplus(-h), which does not overflow.
        let against = op::neg(g, margin);
        let losses = op::softplus(g, against);
        let right = op::greater(g, reward_chosen, reward_rejected);
        let right = op::cast(g, right, DType::F32);
        let named = [
            ("rewards/chosen", reward_chosen),
            ("rewards/rejected", reward_rejected),
            ("rewards/margins", margin),
            ("rewards/accuracies", right),
            ("logps/chosen", chosen.log_probability),
            ("logps/rejected", rejected.log_probability),
        ];
        let metrics = named.map(|(name, value)| (name, total(g, value))).to_vec();
        Built { loss: total(g, losses), metrics }
    }
}

fn total(g: &mut Graph, values: Value) -> Value {
    op::reduce_sum(g, values, &[0], op::KeepDims::No)
}
