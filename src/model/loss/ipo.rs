//! Identity preference optimization (Azar et al. 2024, eq. 17): `(d - 1 / (2 beta))^2`.
//!
//! `d` is the difference of what both sides gain on the reference model *per token*, as TRL and LLaMA-Factory have it on the
//! advice of IPO's authors; the paper itself does not speak of lengths. The rewards that are reported are those of
//! [`super::dpo`], as in TRL.

use super::{Built, Examples, Given, Knob, Loss, Unit, preference::Rewards, total};
use crate::{
    graph::{Graph, op},
    tensor::DType,
};

/// The squared distance from a fixed margin.
#[derive(Debug)]
pub(super) struct Ipo;

impl Loss for Ipo {
    fn name(&self) -> &'static str {
        "ipo"
    }

    fn about(&self) -> &'static str {
        "brings the margin per token to 1 / (2 beta), relative to a reference model"
    }

    fn examples(&self) -> Examples {
        Examples::Pairs
    }

    fn unit(&self) -> Unit {
        Unit::Example
    }

    fn needs_reference(&self) -> bool {
        true
    }

    fn knobs(&self) -> &'static [Knob] {
        &[Knob::Beta]
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        let [chosen, rejected] = given.pair().map(|role| {
            let gain = role.gain(g);
            role.per_token(g, gain)
        });
        let difference = op::sub(g, chosen, rejected);
        let wanted = g.scalar(0.5 / given.settings.beta, DType::F32);
        let off = op::sub(g, difference, wanted);
        let losses = op::mul(g, off, off);
        let rewards = Rewards::of_gains(g, given);
        let sums = given.pair().map(|role| role.log_probability);
        let metrics = rewards.metrics(g, sums, None);
        Built { loss: total(g, losses), metrics }
    }
}
