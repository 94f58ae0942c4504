//! Bootstrap intervals over questions: how far a number would move with other questions of the same kind.
//!
//! A resample draws as many questions as there are, with replacement, all languages of a question together: what is
//! measured is the agreement of languages, so they must stay together. Intervals are percentiles of the resampled
//! values, linearly interpolated.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AnswerRow, Cell, Measure};
use crate::random::Draws;

/// How intervals are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Number of resamples; 0 leaves intervals out.
    #[serde(default = "thousand")]
    pub samples: usize,
    /// How much of the resampled values an interval holds, 0 to 1.
    #[serde(default = "most")]
    pub level: f64,
    /// What the resamples are drawn from.
    #[serde(default)]
    pub seed: u64,
}

fn thousand() -> usize {
    1000
}

fn most() -> f64 {
    0.95
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { samples: thousand(), level: most(), seed: 0 }
    }
}

/// What every question adds to the sums of a measure.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    cells: usize,
    /// Question by question, cell by cell.
    added: Vec<Cell>,
}

impl Tally {
    /// The tally of `measure` over `rows`.
    pub fn of(measure: &Measure, rows: &[&AnswerRow]) -> Self {
        let added: Vec<Vec<Cell>> = rows.par_iter().map(|row| (measure.cells)(row)).collect();
        Self { cells: added.first().map_or(0, Vec::len), added: added.into_iter().flatten().collect() }
    }

    /// The quotients of the sums, cell by cell, when question `i` counts `counts[i]` times; once each without counts.
    pub fn quotients(&self, counts: Option<&[u32]>) -> Vec<Option<f64>> {
        let mut sums = vec![Cell::NONE; self.cells];
        for (question, added) in self.added.chunks(self.cells.max(1)).enumerate() {
            let count = counts.map_or(1.0, |counts| counts.get(question).copied().map_or(0.0, f64::from));
            if count == 0.0 {
                continue;
            }
            for (sum, cell) in sums.iter_mut().zip(added) {
                sum.part += count * cell.part;
                sum.whole += count * cell.whole;
            }
        }
        sums.into_iter().map(|sum| (sum.whole > 0.0).then(|| sum.part / sum.whole)).collect()
    }

    /// The value of the measure for one question alone.
    pub fn of_question(&self, measure: &Measure, question: usize) -> Option<f64> {
        let added = self.added.get(question * self.cells..(question + 1) * self.cells)?;
        let quotient = |cell: &Cell| (cell.whole > 0.0).then(|| cell.part / cell.whole);
        (measure.combine)(&added.iter().map(quotient).collect::<Vec<_>>())
    }
}

/// How often each of `questions` questions is drawn in resample number `resample`.
pub fn counts(questions: usize, seed: u64, resample: usize) -> Vec<u32> {
    let mut counts = vec![0; questions];
    let mut draws = Draws::new(seed, "bootstrap", resample as u64);
    for _ in 0..questions {
        counts[draws.below(questions)] += 1;
    }
    counts
}

/// The values that `statistic` takes in all resamples where it has one, in their order.
pub fn resampled(
    bootstrap: &Bootstrap,
    questions: usize,
    statistic: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
) -> Vec<Vec<Option<f64>>> {
    if questions == 0 {
        return Vec::new();
    }
    let one = |resample: usize| statistic(&counts(questions, bootstrap.seed, resample));
    (0..bootstrap.samples).into_par_iter().map(one).collect()
}

/// The interval that holds `level` of `values`. Absent without values.
pub fn interval(values: impl Iterator<Item = f64>, level: f64) -> Option<[f64; 2]> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let outside = (1.0 - level) / 2.0;
    Some([quantile(&values, outside)?, quantile(&values, 1.0 - outside)?])
}

/// The quantile of sorted values, linearly interpolated as `numpy.quantile` does by default.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, .25, .5, .9, 1]) = [1, 1.75, 3, 6.8, 8]
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((quantile(&sorted, share).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!(interval([3.0].into_iter(), 0.95), Some([3.0, 3.0]));
        assert_eq!(interval(std::iter::empty(), 0.95), None);
    }

    #[test]
    fn a_resample_draws_as_many_questions_as_there_are() {
        for resample in 0..20 {
            assert_eq!(counts(37, 1, resample).iter().sum::<u32>(), 37);
        }
        assert_eq!(counts(37, 1, 3), counts(37, 1, 3));
        assert_ne!(counts(37, 1, 3), counts(37, 1, 4));
        assert_ne!(counts(37, 1, 3), counts(37, 2, 3));
    }
}
