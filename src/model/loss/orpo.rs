//! ORPO (Hong et al. 2024; methods P5): imitation of the chosen side with a penalty on the odds of the rejected one.
//!
//! With mean log-probabilities `a`: `log odds = (a_c - a_r) - [log(1 - exp a_c) - log(1 - exp a_r)]`, loss `-a_c + beta *
//! -log sigmoid(log odds)`. The first part is the mean over each sequence, as in LLaMA-Factory; TRL takes the mean over all
//! tokens of the batch.

use super::{
    Built, Examples, Given, Knob, Loss, Unit,
    preference::{Rewards, minus_log_sigmoid, scaled},
    total,
};
use crate::{
    graph::{Graph, Value, op},
    tensor::DType,
};

/// Odds ratio preference optimization.
#[derive(Debug)]
pub(super) struct Orpo;

/// Mean log-probabilities closer to 0 count as this: odds of a million to one, and no infinite ones.
const CERTAIN: f64 = -1e-6;

impl Loss for Orpo {
    fn name(&self) -> &'static str {
        "orpo"
    }

    fn about(&self) -> &'static str {
        "imitates chosen completions and lowers the odds of rejected ones, without a reference model"
    }

    fn examples(&self) -> Examples {
        Examples::Pairs
    }

    fn unit(&self) -> Unit {
        Unit::Example
    }

    fn knobs(&self) -> &'static [Knob] {
        &[Knob::Beta]
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        let (rewards, means) = Rewards::of_means(g, given);
        let [chosen, rejected] = means.map(|mean| log_odds(g, mean));
        let odds = op::sub(g, chosen, rejected);
        let against = minus_log_sigmoid(g, odds);
        let ratio = op::neg(g, against);
        let penalty = scaled(g, against, given.settings.beta);
        let nll = op::neg(g, means[0]);
        let losses = op::add(g, nll, penalty);
        let mut metrics = rewards.metrics(g, means, None);
        let more = [("nll_loss", nll), ("log_odds_ratio", ratio), ("log_odds_chosen", odds)];
        metrics.extend(more.map(|(name, values)| (name, total(g, values))));
        Built { loss: total(g, losses), metrics }
    }
}

/// `a - log(1 - exp a)` for `a <= 0`.
///
/// `1 - exp a = 2 t / (1 + t)` with `t = tanh(-a / 2)`, where nothing cancels: for `a` near 0 `t` is near `-a / 2`.
fn log_odds(g: &mut Graph, a: Value) -> Value {
    let certain = g.scalar(CERTAIN, DType::F32);
    let a = op::min(g, a, certain);
    let half = scaled(g, a, -0.5);
    let t = op::tanh(g, half);
    let twice = scaled(g, t, 2.0);
    let one = g.scalar(1.0, DType::F32);
    let more = op::add(g, one, t);
    let (twice, more) = (op::log(g, twice), op::log(g, more));
    let rest = op::sub(g, twice, more);
    op::sub(g, a, rest)
}
