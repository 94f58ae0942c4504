//! What every objective reports beside its loss, under the names that TRL's trainers log (`SFTTrainer`, `DPOTrainer`).
//!
//! | name | mean over |
//! |---|---|
//! | `entropy` | the entropy of the prediction of every scored token, in nats |
//! | `mean_token_accuracy` | whether the label is the most likely token; of pairs, the chosen side's tokens only |
//! | `logits/chosen`, `logits/rejected` | the mean of all logits, over the tokens of one side |
//!
//! An objective over examples or groups reports the mean of these over the tokens of each batch, weighted by the batch's
//! number of them, as TRL does; the other metrics of an objective are its own ([`crate::model::loss::Loss::build`]). `num_tokens` is
//! counted where examples are known ([`crate::train`]). Not reported: `aux_loss`, which only mixtures of experts have.

use crate::{
    graph::{Dim, Graph, Value, extents, op},
    model::loss::{Examples, Loss, Unit},
    tensor::DType,
};

/// Numbers of every scored token, f32 `[selected]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenNumbers {
    entropy: Value,
    /// 1 where the label has the largest logit, else 0.
    is_first: Value,
    mean_logit: Value,
}

impl TokenNumbers {
    /// From `logits [selected, vocabulary]` and the labels' log-probabilities `[selected]`.
    pub(super) fn new(g: &mut Graph, logits: Value, log_probability: Value) -> Self {
        // The gradient needs the same nodes: they are computed once.
        let all = op::log_softmax(g, logits, -1);
        let all = op::stop_gradient(g, all);
        let probability = op::exp(g, all);
        let terms = op::mul(g, probability, all);
        let terms = op::reduce_sum(g, terms, &[-1], op::KeepDims::No);
        let largest = op::reduce_max(g, all, &[-1], op::KeepDims::No);
        let is_first = op::greater_or_equal(g, log_probability, largest);
        Self {
            entropy: op::neg(g, terms),
            is_first: op::cast(g, is_first, DType::F32),
            mean_logit: op::reduce_mean(g, logits, &[-1], op::KeepDims::No),
        }
    }
}

/// The metrics of an objective as sums over its units, f32 without axes. `members` are its roles' matrices
/// `[examples, selected]`, if it has any.
pub(super) fn build(
    g: &mut Graph,
    loss: &dyn Loss,
    tokens: TokenNumbers,
    members: &[Value],
) -> Vec<(&'static str, Value)> {
    if members.is_empty() {
        let sum = |g: &mut Graph, x: Value| op::reduce_sum(g, x, &[0], op::KeepDims::No);
        return vec![("entropy", sum(g, tokens.entropy)), ("mean_token_accuracy", sum(g, tokens.is_first))];
    }
    let masks: Vec<Value> = members.iter().map(|members| mask(g, *members)).collect();
    let every = masks[1..].iter().fold(masks[0], |sum, mask| op::add(g, sum, *mask));
    let units = if loss.unit() == Unit::Group { "groups" } else { "examples" };
    let units = extents(g, &[Dim::symbol(units)]);
    let units = op::cast(g, units, DType::F32);
    let units = op::reshape(g, units, &[]);
    let mut metrics = vec![
        ("entropy", weighted_mean(g, tokens.entropy, every, units)),
        ("mean_token_accuracy", weighted_mean(g, tokens.is_first, masks[0], units)),
    ];
    if loss.examples() == Examples::Pairs {
        for (name, mask) in ["logits/chosen", "logits/rejected"].into_iter().zip(&masks) {
            metrics.push((name, weighted_mean(g, tokens.mean_logit, *mask, units)));
        }
    }
    metrics
}

/// 1 for the tokens of any sequence of a role, else 0: `[selected]`.
fn mask(g: &mut Graph, members: Value) -> Value {
    let weights = op::reduce_sum(g, members, &[0], op::KeepDims::No);
    let zero = g.scalar(0.0, DType::F32);
    let inside = op::greater(g, weights, zero);
    op::cast(g, inside, DType::F32)
}

/// `weight` times the mean of `numbers` where `mask` is 1.
fn weighted_mean(g: &mut Graph, numbers: Value, mask: Value, weight: Value) -> Value {
    let chosen = op::mul(g, numbers, mask);
    let sum = op::reduce_sum(g, chosen, &[0], op::KeepDims::No);
    let count = op::reduce_sum(g, mask, &[0], op::KeepDims::No);
    let mean = op::div(g, sum, count);
    op::mul(g, mean, weight)
}
