//! What objectives over pairs share: rewards, and the metrics that TRL's trainers log of them.

use super::{Given, total};
use crate::{
    graph::{Graph, Value, op},
    tensor::DType,
};

/// The rewards of both sides of each pair, f32 `[examples]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rewards {
    pub(super) chosen: Value,
    pub(super) rejected: Value,
    /// Chosen less rejected.
    pub(super) margin: Value,
}

impl Rewards {
    /// `beta` times what the model gives each side more than the reference model, as in DPO.
    pub(super) fn of_gains(g: &mut Graph, given: &Given<'_>) -> Self {
        let [chosen, rejected] = given.pair();
        let sides = [("reward.chosen", chosen), ("reward.rejected", rejected)];
        let [chosen, rejected] = sides.map(|(scope, role)| {
            g.scope(scope, |g| {
                let gain = role.gain(g);
                scaled(g, gain, given.settings.beta)
            })
        });
        Self::new(g, chosen, rejected)
    }

    /// `beta` times the mean log-probability of each side, as in objectives without a reference model.
    pub(super) fn of_means(g: &mut Graph, given: &Given<'_>) -> (Self, [Value; 2]) {
        let means = given.pair().map(|role| role.mean(g));
        let [chosen, rejected] = means.map(|mean| scaled(g, mean, given.settings.beta));
        (Self::new(g, chosen, rejected), means)
    }

    fn new(g: &mut Graph, chosen: Value, rejected: Value) -> Self {
        Self { chosen, rejected, margin: op::sub(g, chosen, rejected) }
    }

    /// The sums of what TRL logs of pairs; `log_probabilities` are what it logs as such. Each pair counts with `weight`.
    pub(super) fn metrics(
        &self,
        g: &mut Graph,
        log_probabilities: [Value; 2],
        weight: Option<Value>,
    ) -> Vec<(&'static str, Value)> {
        let right = op::greater(g, self.chosen, self.rejected);
        let right = op::cast(g, right, DType::F32);
        let named = [
            ("rewards/chosen", self.chosen),
            ("rewards/rejected", self.rejected),
            ("rewards/margins", self.margin),
            ("rewards/accuracies", right),
            ("logps/chosen", log_probabilities[0]),
            ("logps/rejected", log_probabilities[1]),
        ];
        let sum = |(name, values): (&'static str, Value)| {
            let values = weight.map_or(values, |weight| op::mul(g, values, weight));
            (name, total(g, values))
        };
        named.map(sum).to_vec()
    }
}

/// `x` times a number.
pub(super) fn scaled(g: &mut Graph, x: Value, factor: f64) -> Value {
    let factor = g.scalar(factor, DType::F32);
    op::mul(g, x, factor)
}

/// `-log sigmoid(x)`, which does not overflow.
pub(super) fn minus_log_sigmoid(g: &mut Graph, x: Value) -> Value {
    let against = op::neg(g, x);
    op::softplus(g, against)
}

/// `-log sigmoid(x)` if the labels are right, and `-log sigmoid(-x)` for the share `smoothing` of them that is not.
pub(super) fn smoothed(g: &mut Graph, x: Value, smoothing: f64) -> Value {
    let losses = minus_log_sigmoid(g, x);
    if smoothing == 0.0 {
        return losses;
    }
    let flipped = op::softplus(g, x);
    let losses = scaled(g, losses, 1.0 - smoothing);
    let flipped = scaled(g, flipped, smoothing);
    op::add(g, losses, flipped)
}
