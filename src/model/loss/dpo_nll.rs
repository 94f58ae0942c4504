//! DPO that also imitates the chosen side: `dpo + gamma * mean(-logp_c / len_c)` (methods P4; LLaMA-Factory's `pref_ftx`,
//! TRL's `rpo_alpha`).
//!
//! gamma may differ by the pairs' task: CM-Align has 0 for general instructions and 1 for mathematics (methods 2.5).

use super::{
    Built, Columns, Examples, Facts, Given, Knob, Loss, Settings, TaskWeight, Unit,
    preference::{Rewards, smoothed},
    total,
};
use crate::{
    failure::{Failure, bug},
    graph::{Graph, op},
};

/// Sigmoid DPO with a weighted negative log-likelihood.
#[derive(Debug)]
pub(super) struct DpoNll;

impl Loss for DpoNll {
    fn name(&self) -> &'static str {
        "dpo_nll"
    }

    fn about(&self) -> &'static str {
        "`dpo` that also raises the likelihood of chosen completions"
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
        &[Knob::Beta, Knob::LabelSmoothing, Knob::NllWeight]
    }

    fn column_names(&self) -> &'static [&'static str] {
        &["nll_weight"]
    }

    fn columns(&self, settings: &Settings, examples: &[Facts<'_>]) -> Result<Columns, Failure> {
        let weight = |facts: &Facts<'_>| -> Result<Vec<f32>, Failure> {
            let weight = match &settings.nll_weight {
                TaskWeight::All(weight) => *weight,
                TaskWeight::Each(weights) => {
                    *weights.get(facts.task).ok_or_else(|| unknown(facts, weights.keys()))?
                }
            };
            Ok(vec![weight as f32])
        };
        Ok(Columns { rows: examples.iter().map(weight).collect::<Result<_, _>>()?, notes: Vec::new() })
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        let [weight] = given.columns else { bug("one weight per pair") };
        let rewards = Rewards::of_gains(g, given);
        let losses = smoothed(g, rewards.margin, given.settings.label_smoothing);
        let mean = given.pair()[0].mean(g);
        let nll = op::neg(g, mean);
        let imitation = op::mul(g, nll, *weight);
        let losses = op::add(g, losses, imitation);
        let sums = given.pair().map(|role| role.log_probability);
        let mut metrics = rewards.metrics(g, sums, None);
        metrics.push(("nll_loss", total(g, nll)));
        Built { loss: total(g, losses), metrics }
    }
}

fn unknown<'k>(facts: &Facts<'_>, known: impl Iterator<Item = &'k String>) -> Failure {
    let known: Vec<String> = known.map(|task| format!("`{task}`")).collect();
    let message = if facts.task.is_empty() {
        format!("pair `{}` has no task, and `nll_weight` has one weight for each", facts.id)
    } else {
        format!("pair `{}` is of task `{}`, for which `nll_weight` has no weight", facts.id, facts.task)
    };
    Failure::input(message).hint(format!("it has {}; one number serves all pairs", known.join(", ")))
}
