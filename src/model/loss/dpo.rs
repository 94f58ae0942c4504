//! Direct preference optimization with the sigmoid loss (methods P2).
//!
//! `h = beta * [(logp_c - ref_c) - (logp_r - ref_r)]`, `loss = mean(-log sigmoid(h))` with summed log-probabilities. With
//! label smoothing e the loss is `-(1 - e) log sigmoid(h) - e log sigmoid(-h)` (conservative DPO, as LLaMA-Factory's
//! `dpo_label_smoothing`).

use super::{
    Built, Examples, Given, Knob, Loss, Unit,
    preference::{Rewards, smoothed},
    total,
};
use crate::graph::Graph;

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

    fn needs_reference(&self) -> bool {
        true
    }

    fn knobs(&self) -> &'static [Knob] {
        &[Knob::Beta, Knob::LabelSmoothing]
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        let rewards = Rewards::of_gains(g, given);
        let losses = smoothed(g, rewards.margin, given.settings.label_smoothing);
        let sums = given.pair().map(|role| role.log_probability);
        let metrics = rewards.metrics(g, sums, None);
        Built { loss: total(g, losses), metrics }
    }
}
