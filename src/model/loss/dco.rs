//! Direct consistency optimization (methods 3.7): every language's margin moves towards the margins that the reference
//! model has in the other languages.
//!
//! The pairs of one group are the same question and the same two candidates in several languages. With the reference
//! model's margin `off_j = ref_chosen_j - ref_rejected_j`, the gained margin `R_i = (c_i - ref_c_i) - (r_i - ref_r_i)` and the
//! weight `g_i = target_weight[language i]`:
//!
//! ```text
//! target_i = g_i * sum over j != i of off_j        loss = sum over i of norm(beta * R_i - target_i)
//! ```
//!
//! averaged over groups. Groups of two are the released loss, whose `b` is `g_1 = 1/b`, `g_2 = b` with beta 1; larger groups are
//! the paper's eq. 10 with all languages at once. Targets are constants, so they are computed before training.
//!
//! Lemma 1 and 3 promise consistency if `g_1 g_2 = beta^2` in groups of two and if every `g` is beta in larger ones: only
//! then the matrix of exponents, which has ones on its diagonal and `g_i / beta` elsewhere in row i, has rank 1.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Built, Columns, Examples, Facts, Given, Knob, Loss, Norm, Settings, Unit,
    preference::{Rewards, scaled},
    total,
};
use crate::{
    failure::{Failure, bug},
    graph::{Dim, Graph, Value, op},
    tensor::DType,
};

/// Consistency of preferences across languages.
#[derive(Debug)]
pub(super) struct Dco;

impl Loss for Dco {
    fn name(&self) -> &'static str {
        "dco"
    }

    fn about(&self) -> &'static str {
        "brings each language's preferences to those of the reference model in the other languages"
    }

    fn examples(&self) -> Examples {
        Examples::Pairs
    }

    fn unit(&self) -> Unit {
        Unit::Group
    }

    fn needs_reference(&self) -> bool {
        true
    }

    fn knobs(&self) -> &'static [Knob] {
        &[Knob::Beta, Knob::Norm, Knob::HuberDelta, Knob::TargetWeight]
    }

    fn defaults(&self) -> Settings {
        Settings { beta: 1.0, ..Settings::default() }
    }

    fn column_names(&self) -> &'static [&'static str] {
        &["target"]
    }

    fn columns(&self, settings: &Settings, examples: &[Facts<'_>]) -> Result<Columns, Failure> {
        let groups = groups(examples)?;
        check_weights(settings, examples)?;
        let offset = |facts: &Facts<'_>| match facts.references {
            [chosen, rejected] => f64::from(*chosen) - f64::from(*rejected),
            _ => bug("a pair of DCO without references"),
        };
        let target = |facts: &Facts<'_>| {
            let others = groups[facts.group].iter().filter(|other| examples[**other].lang != facts.lang);
            let sum: f64 = others.map(|other| offset(&examples[*other])).sum();
            vec![(weight(settings, facts.lang) * sum) as f32]
        };
        let rows = examples.iter().map(target).collect();
        Ok(Columns { rows, notes: notice(settings, examples, &groups).into_iter().collect() })
    }

    fn build(&self, g: &mut Graph, given: &Given<'_>) -> Built {
        let ([target], Some(groups)) = (given.columns, given.groups) else {
            bug("DCO has targets and groups")
        };
        let rewards = Rewards::of_gains(g, given);
        let off = op::sub(g, rewards.margin, *target);
        let losses = distance(g, off, given.settings);
        let sizes = op::reduce_sum(g, groups, &[1], op::KeepDims::No); // [groups]
        let shares = op::reciprocal(g, sizes);
        let weight = spread(g, groups, shares);
        let sums = given.pair().map(|role| role.log_probability);
        let mut metrics = rewards.metrics(g, sums, Some(weight));
        metrics.push(("rewards/consistencies", agreement(g, groups, sizes, sums)));
        Built { loss: total(g, losses), metrics }
    }
}

/// The examples of each group. A pair without a group, a group of one, and a language that occurs twice in a group are
/// errors.
fn groups<'a>(examples: &[Facts<'a>]) -> Result<BTreeMap<&'a str, Vec<usize>>, Failure> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, facts) in examples.iter().enumerate() {
        if facts.group.is_empty() {
            return Err(Failure::input(format!("pair `{}` belongs to no group", facts.id))
                .hint("`dco` compares languages: let `pairs` write groups of parallel pairs"));
        }
        let group = groups.entry(facts.group).or_default();
        if let Some(twin) = group.iter().find(|other| examples[**other].lang == facts.lang) {
            let message = format!(
                "group `{}` has two pairs of language `{}`: `{}` and `{}`",
                facts.group, facts.lang, examples[*twin].id, facts.id
            );
            return Err(Failure::input(message).hint("a group holds one preference, once in each language"));
        }
        group.push(index);
    }
    match groups.iter().find(|(_, members)| members.len() < 2) {
        None => Ok(groups),
        Some((group, members)) => {
            let message = format!(
                "group `{group}` has one pair, `{}`, and nothing to compare it with",
                examples[members[0]].id
            );
            Err(Failure::input(message).hint("a group holds one preference in at least two languages"))
        }
    }
}

fn weight(settings: &Settings, lang: &str) -> f64 {
    settings.target_weight.get(lang).copied().unwrap_or(settings.beta)
}

/// A weight for a language that no pair has is a mistake in writing.
fn check_weights(settings: &Settings, examples: &[Facts<'_>]) -> Result<(), Failure> {
    let langs: BTreeSet<&str> = examples.iter().map(|facts| facts.lang).collect();
    match settings.target_weight.keys().find(|lang| !langs.contains(lang.as_str())) {
        None => Ok(()),
        Some(lang) => {
            let known: Vec<String> = langs.iter().map(|lang| format!("`{lang}`")).collect();
            Err(Failure::input(format!("`target_weight` names language `{lang}`, of which there is no pair"))
                .hint(format!("the pairs are in {}", known.join(", "))))
        }
    }
}

/// Weights with which the lemmas promise nothing.
fn notice(
    settings: &Settings,
    examples: &[Facts<'_>],
    groups: &BTreeMap<&str, Vec<usize>>,
) -> Option<String> {
    let beta = settings.beta;
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b;
    let weight = |index: &usize| weight(settings, examples[*index].lang);
    let promised = |members: &Vec<usize>| match &members[..] {
        [one, other] => same(weight(one) * weight(other), beta * beta),
        _ => members.iter().all(|member| same(weight(member), beta)),
    };
    let (group, members) = groups.iter().find(|(_, members)| !promised(members))?;
    let weights: Vec<String> =
        members.iter().map(|member| format!("{} {}", examples[*member].lang, weight(member))).collect();
    let rule = if members.len() == 2 { "their product is not beta^2" } else { "they are not all beta" };
    Some(format!(
        "the target weights of group `{group}` ({}) promise no consistent optimum: {rule} (beta {beta})",
        weights.join(", ")
    ))
}

/// How far `off [examples]` is from 0.
fn distance(g: &mut Graph, off: Value, settings: &Settings) -> Value {
    match settings.norm {
        Norm::L1 => op::abs(g, off),
        Norm::L2 => op::mul(g, off, off),
        Norm::Huber => {
            // With q = min(|x|, d): q^2 / 2 + d (|x| - q).
            let size = op::abs(g, off);
            let delta = g.scalar(settings.huber_delta, DType::F32);
            let within = op::min(g, size, delta);
            let square = op::mul(g, within, within);
            let square = scaled(g, square, 0.5);
            let beyond = op::sub(g, size, within);
            let beyond = op::mul(g, beyond, delta);
            op::add(g, square, beyond)
        }
    }
}

/// A number of each group for each of its examples, `[groups] -> [examples]`.
fn spread(g: &mut Graph, groups: Value, numbers: Value) -> Value {
    let shape = g.shape(groups);
    let row = op::reshape(g, numbers, &[Dim::known(1), shape[0].clone()]);
    let spread = op::matmul(g, row, groups);
    op::reshape(g, spread, &[shape[1].clone()])
}

/// The sum over groups of the share of pairs of languages that order the two candidates alike under the trained model.
fn agreement(g: &mut Graph, groups: Value, sizes: Value, log_probabilities: [Value; 2]) -> Value {
    let [chosen, rejected] = log_probabilities;
    let first = op::greater(g, chosen, rejected);
    let first = op::cast(g, first, DType::F32);
    let shape = g.shape(groups);
    let column = op::reshape(g, first, &[shape[1].clone(), Dim::known(1)]);
    let first = op::matmul(g, groups, column);
    let first = op::reshape(g, first, &[shape[0].clone()]);
    let second = op::sub(g, sizes, first);
    // Ordered pairs of n things: n (n - 1).
    let pairs = |g: &mut Graph, n: Value| {
        let one = g.scalar(1.0, DType::F32);
        let others = op::sub(g, n, one);
        op::mul(g, n, others)
    };
    let (alike, all) = (pairs(g, first), pairs(g, sizes));
    let other = pairs(g, second);
    let alike = op::add(g, alike, other);
    let share = op::div(g, alike, all);
    total(g, share)
}
