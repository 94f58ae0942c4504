//! RankC: weighted agreement of two rankings of the same candidates (methods 6.4).
//!
//! For a question with `N` candidates, `RankC = sum_j w_j * |top_j(a) and top_j(b)| / j` for `j` in `1..=N`, with weights
//! `w_j` that add up to 1. With the paper's softmax weights, 64 % of it is whether the best candidates agree.
//!
//! Ties: the published code keeps the candidates' order, which inflates agreement where scores tie in both languages.
//! [`Ties::Average`] gives the expected value over independent random orders of the tied candidates instead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, Measure, Metric, Scope, Subject, mean_of_pairs, pairs};

pub(super) const METRIC: Metric =
    Metric { about: "weighted agreement of candidate rankings", subjects: &[Subject::Rankings], measures };

fn measures(scope: Scope<'_>) -> Vec<Measure> {
    let (pairs, weights) = (pairs(scope.languages.len()), scope.options.weights);
    vec![Measure {
        name: "RankC".to_owned(),
        cells: Box::new(move |row| {
            let cell = |&(a, b): &(usize, usize)| -> Option<Cell> {
                Some(Cell::of(rankc(row.placements.get(a)?, row.placements.get(b)?, weights)))
            };
            pairs.iter().map(|pair| cell(pair).unwrap_or(Cell::NONE)).collect()
        }),
        combine: mean_of_pairs(scope),
        by_pair: true,
    }]
}

/// How much the agreement of the best `j` candidates counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "RankWeights")]
pub enum Weights {
    /// `exp(N - j)`, normalised: the paper's.
    #[default]
    Softmax,
    /// `N + 1 - j`, normalised (`norm1` of the published code).
    Linear,
    /// `(N + 1 - j)^2`, normalised (`norm2` of the published code).
    Quadratic,
}

impl Weights {
    /// The weights of ranks `1..=candidates`; they add up to 1.
    pub fn of(self, candidates: usize) -> Vec<f64> {
        let raw: Vec<f64> = (0..candidates)
            .map(|place| {
                let rest = (candidates - place) as f64;
                match self {
                    // exp(N - j) with the maximum, N - 1, taken out: no overflow for any N.
                    Self::Softmax => (-(place as f64)).exp(),
                    Self::Linear => rest,
                    Self::Quadratic => rest * rest,
                }
            })
            .collect();
        let sum: f64 = raw.iter().sum();
        raw.into_iter().map(|weight| weight / sum).collect()
    }
}

/// What equal scores mean for a ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "RankTies")]
pub enum Ties {
    /// The candidates' order decides, as in the published code.
    #[default]
    Stable,
    /// The mean over all orders of the tied candidates.
    Average,
}

/// Where each candidate stands: candidate `c` shares the `size` places from `start` on with its ties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Candidate positions, best first.
    order: Vec<usize>,
    /// First place (from 0) and number of places of each candidate's group, by candidate.
    groups: Vec<(usize, usize)>,
}

impl Placement {
    /// The placement of candidates with `scores`; higher is better. Scores that are not numbers come last.
    pub fn of_scores(scores: &[f32], ties: Ties) -> Self {
        let key =
            |candidate: usize| if scores[candidate].is_nan() { f32::NEG_INFINITY } else { scores[candidate] };
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        let mut groups = vec![(0, 1); scores.len()];
        let mut start = 0;
        while start < order.len() {
            let tied = match ties {
                Ties::Stable => 1,
                Ties::Average => {
                    order[start..].iter().take_while(|&&other| key(other) == key(order[start])).count()
                }
            };
            for &candidate in &order[start..start + tied] {
                groups[candidate] = (start, tied);
            }
            start += tied;
        }
        Self { order, groups }
    }

    /// The placement given by candidate positions, best first, without ties. `None` if it is not a permutation.
    pub fn of_order(order: &[usize]) -> Option<Self> {
        let mut groups = vec![None; order.len()];
        for (place, &candidate) in order.iter().enumerate() {
            let slot = groups.get_mut(candidate)?;
            if slot.replace((place, 1)).is_some() {
                return None;
            }
        }
        Some(Self { order: order.to_vec(), groups: groups.into_iter().collect::<Option<_>>()? })
    }

    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.order.len()
    }

    /// The candidates, best first.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The best candidate; of tied ones, the first listed.
    pub fn best(&self) -> Option<usize> {
        self.order.first().copied()
    }

    /// The chance that `candidate` is among the best `count`.
    fn among(&self, candidate: usize, count: usize) -> f64 {
        let Some(&(start, size)) = self.groups.get(candidate) else { return 0.0 };
        (count.saturating_sub(start) as f64 / size as f64).min(1.0)
    }
}

/// `RankC` of one question, 0 to 1. `N` and the denominators come from `first`, as in the published code; candidates
/// that `second` does not have are never shared. 0 when there are no candidates.
pub fn rankc(first: &Placement, second: &Placement, weights: Weights) -> f64 {
    let candidates = first.candidates();
    let shared = |count: usize| -> f64 {
        (0..candidates).map(|c| first.among(c, count) * second.among(c, count)).sum()
    };
    weights.of(candidates).iter().zip(1..).map(|(weight, count)| weight * shared(count) / count as f64).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(first: &[usize], second: &[usize]) -> f64 {
        rankc(&Placement::of_order(first).unwrap(), &Placement::of_order(second).unwrap(), Weights::Softmax)
    }

    #[test]
    fn the_published_vectors_come_out() {
        let vectors: [(&[usize], &[usize], f64); 5] = [
            (&[0, 1, 2, 3], &[0, 1, 2, 3], 1.0),
            (&[0, 1, 2, 3], &[1, 0, 2, 3], 0.3561),
            (&[0, 1, 2, 3], &[0, 2, 1, 3], 0.8816),
            (&[0, 1, 2, 3], &[0, 1, 3, 2], 0.9710),
            (&[2, 0, 1, 3], &[0, 2, 3, 1], 0.3270),
        ];
        for (first, second, expected) in vectors {
            assert!(
                (of(first, second) - expected).abs() < 5e-5,
                "{first:?} {second:?}: {}",
                of(first, second)
            );
        }
    }

    #[test]
    fn weights_minima_and_random_expectations_match_the_table() {
        let table: [(usize, &[f64], f64, f64); 5] = [
            (2, &[0.7311, 0.2689], 0.2689, 0.6345),
            (3, &[0.6652, 0.2447, 0.0900], 0.2124, 0.4749),
            (4, &[0.6439, 0.2369, 0.0871, 0.0321], 0.0902, 0.3768),
            (5, &[0.6364, 0.2341, 0.0861, 0.0317, 0.0117], 0.0641, 0.3096),
            (10, &[0.6321, 0.2326, 0.0856, 0.0315], 0.0030, 0.1582),
        ];
        for (candidates, weights, reversed, expected) in table {
            let computed = Weights::Softmax.of(candidates);
            for (weight, listed) in computed.iter().zip(weights) {
                assert!((weight - listed).abs() < 5e-5, "N={candidates}: {weight} {listed}");
            }
            let up: Vec<usize> = (0..candidates).collect();
            let down: Vec<usize> = (0..candidates).rev().collect();
            assert!((of(&up, &down) - reversed).abs() < 5e-5, "N={candidates}");
            // A list whose candidates all tie is a random ranking, so `average` gives the expectation exactly.
            let tied = Placement::of_scores(&vec![1.0; candidates], Ties::Average);
            let mean = rankc(&Placement::of_order(&up).unwrap(), &tied, Weights::Softmax);
            assert!((mean - expected).abs() < 5e-5, "N={candidates}: {mean}");
        }
    }

    #[test]
    fn many_candidates_do_not_overflow() {
        let up: Vec<usize> = (0..2000).collect();
        assert!((of(&up, &up) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn linear_and_quadratic_weights_add_up_to_one() {
        assert_eq!(Weights::Linear.of(3), [0.5, 1.0 / 3.0, 1.0 / 6.0]);
        assert_eq!(Weights::Quadratic.of(2), [0.8, 0.2]);
    }

    #[test]
    fn ties_keep_the_candidates_order_or_are_averaged() {
        let scores = [1.0, 3.0, 3.0];
        assert_eq!(Placement::of_scores(&scores, Ties::Stable).order, [1, 2, 0]);
        let stable = Placement::of_scores(&scores, Ties::Stable);
        let averaged = Placement::of_scores(&scores, Ties::Average);
        assert!((rankc(&stable, &stable, Weights::Softmax) - 1.0).abs() < 1e-12);
        // Independent coin flips for places 1 and 2: the best candidates agree half of the time.
        let w = Weights::Softmax.of(3);
        let expected = 0.5 * w[0] + w[1] + w[2];
        assert!((rankc(&averaged, &averaged, Weights::Softmax) - expected).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_a_permutation_is_refused() {
        for wrong in [&[0, 0][..], &[1, 2], &[5]] {
            assert!(Placement::of_order(wrong).is_none(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn rankc_equals_a_brute_force_over_sets(
            first in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
            second in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let n = first.len();
            let total: f64 = (1..=n).map(|j| ((n - j) as f64).exp()).sum();
            let mut brute = 0.0;
            for j in 1..=n {
                let shared = first[..j].iter().filter(|c| second[..j].contains(c)).count();
                brute += ((n - j) as f64).exp() / total * shared as f64 / j as f64;
            }
            prop_assert!((of(&first, &second) - brute).abs() < 1e-12);
            prop_assert!((of(&second, &first) - brute).abs() < 1e-12, "symmetric for equal lengths");
        }
    }
}
