//! The hinge loss on DPO's margin (SLiC-HF; RSO): `max(0, 1 - h)` with `h` as in [`super::dpo`] and TRL's `hinge`.

use super::{Built, Examples, Given, Knob, Loss, Unit, preference::Rewards, total};
use crate::{
    graph::{Graph, op},
    tensor::DType,
};

/// A linear loss up to a margin of 1.
#[derive(Debug)]
pub(super) struct Hinge;

impl Loss for Hinge {
    fn name(&self) -> &'static str {
        "hinge"
    }

    fn about(&self) -> &'static str {
        "as `dpo`, but only until the margin of rewards is 1 (SLiC)"
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
        let rewards = Rewards::of_gains(g, given);
        let one = g.scalar(1.0, DType::F32);
        let zero = g.scalar(0.0, DType::F32);
        let missing = op::sub(g, one, rewards.margin);
        // At a tie the gradient goes to the first, which is 0 as in PyTorch's relu.
        let losses = op::max(g, zero, missing);
        let sums = given.pair().map(|role| role.log_probability);
        let metrics = rewards.metrics(g, sums, None);
        Built { loss: total(g, losses), metrics }
    }
}
