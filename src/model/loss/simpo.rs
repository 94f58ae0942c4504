//! Simple preference optimization (methods P5): `-log sigmoid(beta * (mean_c - mean_r) - gamma)` with mean log-probabilities and no reference model.

use super::{
    Built, Examples, Given, Knob, Loss, Unit,
    preference::{Rewards, smoothed},
    total,
};
use crate::{
    graph::{Graph, op},
    tensor::DType,
};

/// Simple preference optimization.
#[derive(Debug)]
pub(super) struct SimPo;

impl Loss for SimPo {
    fn name(&self) -> &'static str {
        "simpo"
    }

    fn about(&self) -> &'static str {
        "prefers chosen over rejected completions by their likelihood per token, without a reference model"
    }

    fn examples(&self) -> Examples {
        Examples::Pairs
    }

    fn unit(&self) -> Unit {
        Unit::Example
    }

    fn knobs(&self) -> &'static [Knob] {
        &[Knob::Beta, Knob::SimpoGamma, Knob::LabelSmoothing]
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        let (rewards, means) = Rewards::of_means(g, given);
        let gamma = g.scalar(given.settings.simpo_gamma, DType::F32);
        let beyond = op::sub(g, rewards.margin, gamma);
        let losses = smoothed(g, beyond, given.settings.label_smoothing);
        let metrics = rewards.metrics(g, means, None);
        Built { loss: total(g, losses), metrics }
    }
}
