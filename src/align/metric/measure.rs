//! Computes all [`Metrics`] of an [`AnswerTable`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Accuracy, AnswerRow, AnswerTable, Consistency, LanguageAccuracy, Metrics, PairMatrix, SplitMetrics,
    agreement::{ac3, consistency, share},
    rankc::{Weights, rankc},
};

/// What becomes of a question that some language gave no readable answer to, when consistency is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unreadable {
    /// It is left out, as in CALM's printed numbers (methods 6.2).
    #[default]
    Drop,
    /// It stays; the missing answer differs from every other.
    Differs,
}

/// Which pairs of languages enter the mean of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "LanguagePairs")]
pub enum Pairs {
    /// Every pair.
    #[default]
    All,
    /// English with each other language (DCO's bilingual setting).
    English,
}

/// How to measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Parts of the data to report, in this order; empty for all, in the order they are first seen.
    pub splits: Vec<String>,
    /// Sizes of language groups for `Consistency_s`; empty for 2 up to all languages.
    pub sizes: Vec<usize>,
    /// What to do about unreadable answers.
    pub unreadable: Unreadable,
    /// Weights of `RankC`.
    pub weights: Weights,
    /// Pairs that enter the means of the matrices.
    pub pairs: Pairs,
}

/// Measures every part of the data. A part without questions is reported with zeros.
pub fn measure(table: &AnswerTable, options: &Options) -> Metrics {
    let mut splits = options.splits.clone();
    if splits.is_empty() {
        for row in &table.rows {
            if !splits.contains(&row.split) {
                splits.push(row.split.clone());
            }
        }
    }
    let of_split = |split: String| {
        let rows: Vec<&AnswerRow> = table.rows.iter().filter(|row| row.split == split).collect();
        measure_split(split, &table.languages, &rows, options)
    };
    Metrics { splits: splits.into_iter().map(of_split).collect() }
}

fn measure_split(
    split: String,
    languages: &[String],
    rows: &[&AnswerRow],
    options: &Options,
) -> SplitMetrics {
    let readable = |row: &&&AnswerRow| {
        options.unreadable == Unreadable::Differs || row.answers.iter().all(Option::is_some)
    };
    let kept: Vec<&AnswerRow> = rows.iter().filter(readable).copied().collect();
    let answers: Vec<Vec<Option<String>>> = kept.iter().map(|row| row.answers.clone()).collect();
    let accuracy = accuracy(languages, rows);
    let sizes =
        if options.sizes.is_empty() { (2..=languages.len()).collect() } else { options.sizes.clone() };
    let consistency = sizes
        .into_iter()
        .map(|size| {
            let percent = 100.0 * consistency(&answers, languages.len(), size);
            let ac3 = accuracy.as_ref().map(|accuracy| ac3(accuracy.mean, percent));
            Consistency { size, consistency: percent, ac3 }
        })
        .collect();
    let matrix = |value: &dyn Fn(usize, usize) -> Option<f64>| matrix(languages, options.pairs, value);
    let known = rows.iter().any(|row| row.right.is_some());
    let ranked = !rows.is_empty() && rows.iter().all(|row| row.placements.len() == languages.len());
    let weights = options.weights;
    SplitMetrics {
        split,
        languages: languages.to_vec(),
        questions: rows.len(),
        dropped: rows.len() - kept.len(),
        accuracy,
        consistency,
        rankc: ranked.then(|| {
            matrix(&|a, b| {
                mean(rows.iter().map(|row| rankc(&row.placements[a], &row.placements[b], weights)))
            })
        }),
        top1: matrix(&|a, b| rate(&kept, |_| true, |row| same(row, a, b))),
        top1_if_any_right: known
            .then(|| matrix(&|a, b| rate(rows, |row| right(row, a) || right(row, b), |row| same(row, a, b)))),
        right_overlap: known.then(|| {
            matrix(&|a, b| {
                rate(rows, |row| right(row, a) || right(row, b), |row| right(row, a) && right(row, b))
            })
        }),
    }
}

fn accuracy(languages: &[String], rows: &[&AnswerRow]) -> Option<Accuracy> {
    let known: Vec<&AnswerRow> = rows.iter().filter(|row| row.right.is_some()).copied().collect();
    if known.is_empty() {
        return None;
    }
    let of_language = |(index, lang): (usize, &String)| {
        let hits = known.iter().filter(|row| right(row, index)).count();
        let accuracy = 100.0 * share(hits, known.len());
        LanguageAccuracy { lang: lang.clone(), accuracy, right: hits, questions: known.len() }
    };
    let per_language: Vec<LanguageAccuracy> = languages.iter().enumerate().map(of_language).collect();
    let mean = mean(per_language.iter().map(|language| language.accuracy))?;
    Some(Accuracy { mean, per_language })
}

fn same(row: &AnswerRow, a: usize, b: usize) -> bool {
    row.answers[a].is_some() && row.answers[a] == row.answers[b]
}

fn right(row: &AnswerRow, language: usize) -> bool {
    row.right.is_some() && row.answers[language] == row.right
}

/// The share of rows that are `hit` among those that `count`; absent when none counts.
fn rate(
    rows: &[&AnswerRow],
    count: impl Fn(&AnswerRow) -> bool,
    hit: impl Fn(&AnswerRow) -> bool,
) -> Option<f64> {
    mean(rows.iter().filter(|row| count(row)).map(|row| if hit(row) { 1.0 } else { 0.0 }))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The symmetric matrix of `value` (a fraction) in percent.
fn matrix(languages: &[String], pairs: Pairs, value: &dyn Fn(usize, usize) -> Option<f64>) -> PairMatrix {
    let size = languages.len();
    let percent = |a: usize, b: usize| value(a.min(b), a.max(b)).map(|fraction| 100.0 * fraction);
    let values: Vec<Vec<Option<f64>>> =
        (0..size).map(|a| (0..size).map(|b| percent(a, b)).collect()).collect();
    let counts = |a: usize, b: usize| pairs == Pairs::All || languages[a] == "en" || languages[b] == "en";
    let off_diagonal = (0..size).flat_map(|a| (a + 1..size).map(move |b| (a, b)));
    let mean = mean(off_diagonal.filter(|&(a, b)| counts(a, b)).filter_map(|(a, b)| values[a][b]));
    PairMatrix { mean, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::metric::rankc::Placement;

    fn row(id: &str, split: &str, right: &str, orders: &[&[usize]]) -> AnswerRow {
        AnswerRow {
            id: id.to_owned(),
            split: split.to_owned(),
            right: (!right.is_empty()).then(|| right.to_owned()),
            answers: orders.iter().map(|order| order.first().map(ToString::to_string)).collect(),
            placements: orders.iter().map(|order| Placement::of_order(order).unwrap()).collect(),
        }
    }

    fn table() -> AnswerTable {
        AnswerTable {
            languages: ["en", "fr", "sw"].map(str::to_owned).to_vec(),
            rows: vec![
                row("1", "trained", "0", &[&[0, 1, 2, 3], &[0, 1, 2, 3], &[1, 0, 2, 3]]),
                row("2", "trained", "3", &[&[3, 1, 2, 0], &[2, 1, 3, 0], &[2, 1, 3, 0]]),
                row("3", "held-out", "1", &[&[1, 0, 2, 3], &[1, 0, 2, 3], &[1, 0, 2, 3]]),
            ],
        }
    }

    #[test]
    fn each_split_has_its_own_numbers() {
        let metrics = measure(&table(), &Options::default());
        assert_eq!(metrics.splits.len(), 2);
        let trained = &metrics.splits[0];
        assert_eq!((trained.split.as_str(), trained.questions, trained.dropped), ("trained", 2, 0));
        // en answers 0 and 3 (both right), fr 0 and 2, sw 1 and 2.
        let accuracy = trained.accuracy.as_ref().unwrap();
        let right: Vec<usize> = accuracy.per_language.iter().map(|language| language.right).collect();
        assert_eq!(right, [2, 1, 0]);
        assert!((accuracy.mean - 50.0).abs() < 1e-12);
        // Question 1: en=fr; question 2: fr=sw. One of three pairs each time; never all three.
        assert!((trained.consistency[0].consistency - 100.0 / 3.0).abs() < 1e-9);
        assert!((trained.consistency[0].ac3.unwrap() - 40.0).abs() < 1e-9);
        assert_eq!((trained.consistency[1].size, trained.consistency[1].consistency), (3, 0.0));
        // en-fr: 1 and the swap of places 1 and 3; en-sw: .3561 and the same swap.
        let rankc = trained.rankc.as_ref().unwrap();
        assert_eq!(rankc.values[0][0], Some(100.0));
        assert_eq!(rankc.values[0][1], rankc.values[1][0]);
        assert_eq!(trained.top1.values[0], [Some(100.0), Some(50.0), Some(0.0)]);
        assert_eq!(trained.right_overlap.as_ref().unwrap().values[0][1], Some(50.0));
        assert_eq!(trained.top1_if_any_right.as_ref().unwrap().values[1][2], Some(0.0));
        let held_out = &metrics.splits[1];
        assert_eq!(held_out.rankc.as_ref().unwrap().mean, Some(100.0));
        assert_eq!(held_out.consistency[1].consistency, 100.0);
    }

    #[test]
    fn english_pairs_leave_the_other_pairs_out_of_the_mean() {
        let options =
            Options { pairs: Pairs::English, splits: vec!["trained".to_owned()], ..Options::default() };
        let metrics = measure(&table(), &options);
        assert_eq!(metrics.splits.len(), 1);
        let top1 = &metrics.splits[0].top1;
        assert_eq!(top1.mean, Some(25.0), "en-fr 50, en-sw 0");
        assert_eq!(top1.values[1][2], Some(50.0), "fr-sw is listed all the same");
    }

    #[test]
    fn unreadable_answers_are_wrong_and_leave_consistency_or_differ() {
        let mut table = table();
        table.rows[0].answers[0] = None;
        table.rows[0].placements.clear();
        let dropped = &measure(&table, &Options::default()).splits[0];
        assert_eq!(dropped.dropped, 1);
        assert_eq!(dropped.accuracy.as_ref().unwrap().per_language[0].right, 1);
        assert!(dropped.rankc.is_none());
        assert!((dropped.consistency[0].consistency - 100.0 / 3.0).abs() < 1e-9, "question 2 alone");
        let differs = Options { unreadable: Unreadable::Differs, ..Options::default() };
        let kept = &measure(&table, &differs).splits[0];
        assert_eq!(kept.dropped, 0);
        assert!((kept.consistency[0].consistency - 100.0 / 6.0).abs() < 1e-9, "one pair of six");
    }

    #[test]
    fn without_known_answers_there_is_no_accuracy() {
        let mut table = table();
        for row in &mut table.rows {
            row.right = None;
        }
        let split = &measure(&table, &Options::default()).splits[0];
        assert!(
            split.accuracy.is_none() && split.consistency[0].ac3.is_none() && split.right_overlap.is_none()
        );
    }
}
