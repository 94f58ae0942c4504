//! Computes all [`Metrics`] of an [`AnswerTable`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Accuracy, AnswerRow, AnswerTable, Consistency, LanguageAccuracy, METRICS, Measure, Metrics, PairMatrix,
    Scope, SplitMetrics, Subject, Value,
    agreement::share,
    bootstrap::{Bootstrap, Tally, interval, resampled},
    entropy, length, oracle, paired, pairs,
    rankc::Weights,
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
    /// It stays with the languages that can be read; it is left out where there are too few of them.
    Valid,
    /// The same, but too few readable languages count as no agreement, as in CALM's script for MEDQA (methods 1.10).
    ValidOrZero,
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
    /// Languages that enter the mean accuracy; empty for all.
    pub accuracy_languages: Vec<String>,
    /// Languages whose accuracy enters AC3; empty for all.
    pub ac3_languages: Vec<String>,
    /// Weights of languages in the product of experts; 1 for those that are not named.
    pub expert_weights: BTreeMap<String, f64>,
    /// Groups of languages to report attack success rates of.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What a tie counts in a win rate.
    pub tie_weight: f64,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
}

impl Options {
    /// The sizes of groups among `languages` languages.
    pub(super) fn sizes_of(&self, languages: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        if self.sizes.is_empty() { Box::new(2..=languages) } else { Box::new(self.sizes.iter().copied()) }
    }
}

/// Measures every part of the data, against `before` if there is one. A part without questions is reported with zeros.
pub fn measure(table: &AnswerTable, before: Option<&AnswerTable>, options: &Options) -> Metrics {
    let mut splits = options.splits.clone();
    if splits.is_empty() {
        for row in &table.rows {
            if !splits.contains(&row.split) {
                splits.push(row.split.clone());
            }
        }
    }
    let scope = Scope { subject: table.subject, languages: &table.languages, options };
    let measures: Vec<Measure> = METRICS
        .iter()
        .filter(|metric| metric.subjects.contains(&table.subject))
        .flat_map(|metric| (metric.measures)(scope))
        .collect();
    let of_split = |split: String| {
        let rows: Vec<&AnswerRow> = table.rows.iter().filter(|row| row.split == split).collect();
        let against = before.map(|before| {
            let (now, then, unmatched) = matched(&rows, before);
            let mut against = paired::compare(&measures, &table.languages, &now, &then, &options.bootstrap);
            against.unmatched = unmatched;
            against
        });
        SplitMetrics { split, against, ..measure_split(scope, &measures, &rows) }
    };
    Metrics { splits: splits.into_iter().map(of_split).collect() }
}

/// The rows of the same questions in both tables, and how many have no partner.
fn matched<'t>(
    rows: &[&'t AnswerRow],
    before: &'t AnswerTable,
) -> (Vec<&'t AnswerRow>, Vec<&'t AnswerRow>, usize) {
    let known: BTreeMap<&str, &AnswerRow> = before.rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let both = rows.iter().filter_map(|row| known.get(row.id.as_str()).map(|before| (*row, *before)));
    let (now, then): (Vec<_>, Vec<_>) = both.unzip();
    let unmatched = rows.len() - now.len();
    (now, then, unmatched)
}

fn measure_split(scope: Scope<'_>, measures: &[Measure], rows: &[&AnswerRow]) -> SplitMetrics {
    let tallies: Vec<Tally> = measures.iter().map(|measure| Tally::of(measure, rows)).collect();
    let all = |counts: Option<&[u32]>| -> Vec<Option<f64>> {
        let one = |(measure, tally): (&Measure, &Tally)| (measure.combine)(&tally.quotients(counts));
        measures.iter().zip(&tallies).map(one).collect()
    };
    let drawn = resampled(&scope.options.bootstrap, rows.len(), |counts| all(Some(counts)));
    let mut values = Vec::new();
    for (index, (measure, value)) in measures.iter().zip(all(None)).enumerate() {
        let Some(value) = value else { continue };
        let drawn = drawn.iter().filter_map(|values| *values.get(index)?);
        let ends = interval(drawn, scope.options.bootstrap.level);
        values.push(Value {
            measure: measure.name.clone(),
            value: 100.0 * value,
            interval: ends.map(|ends| ends.map(|end| 100.0 * end)),
        });
    }
    let matrix = |name: &str| {
        let at = measures.iter().position(|measure| measure.by_pair && measure.name == name)?;
        let value = values.iter().find(|value| value.measure == name)?.value;
        Some(matrix(scope.languages.len(), &tallies[at].quotients(None), diagonal(name, rows), value))
    };
    let languages = scope.languages;
    let known = scope.subject == Subject::Rankings && rows.iter().any(|row| row.right.is_some());
    let weight = |lang: &String| scope.options.expert_weights.get(lang).copied().unwrap_or(1.0);
    let weights: Vec<f64> = languages.iter().map(weight).collect();
    SplitMetrics {
        languages: languages.to_vec(),
        questions: rows.len(),
        dropped: rows.iter().filter(|row| is_left_out(row, scope.options.unreadable)).count(),
        accuracy: accuracy(languages, rows, &values),
        consistency: consistency(scope, &values),
        rankc: matrix("RankC"),
        top1: matrix("same answer").or_else(|| matrix("pairwise agreement")),
        top1_if_any_right: matrix("same answer if either is right"),
        right_overlap: matrix("both right if either is"),
        entropy: entropy::measure(rows, languages.len()),
        oracle: known.then(|| oracle::measure(rows, &weights)).flatten(),
        lengths: length::measure(rows, languages),
        values,
        ..SplitMetrics::default()
    }
}

/// Whether consistency leaves a question out.
fn is_left_out(row: &AnswerRow, unreadable: Unreadable) -> bool {
    let read = row.answers.iter().flatten().count();
    match unreadable {
        Unreadable::Drop => read < row.answers.len(),
        Unreadable::Valid => read < 2,
        Unreadable::Differs | Unreadable::ValidOrZero => false,
    }
}

fn of(values: &[Value], measure: &str) -> Option<f64> {
    values.iter().find(|value| value.measure == measure).map(|value| value.value)
}

fn accuracy(languages: &[String], rows: &[&AnswerRow], values: &[Value]) -> Option<Accuracy> {
    let mean = of(values, "accuracy")?;
    let questions = rows.iter().filter(|row| row.right.is_some()).count();
    let of_language = |(index, lang): (usize, &String)| {
        let right = rows.iter().filter(|row| row.is_right(index)).count();
        let accuracy = 100.0 * share(right, questions);
        LanguageAccuracy { lang: lang.clone(), accuracy, right, questions }
    };
    Some(Accuracy { mean, per_language: languages.iter().enumerate().map(of_language).collect() })
}

fn consistency(scope: Scope<'_>, values: &[Value]) -> Vec<Consistency> {
    let of_size = |size: usize| {
        let consistency = of(values, &format!("Consistency_{size}"))?;
        Some(Consistency { size, consistency, ac3: of(values, &format!("AC3_{size}")) })
    };
    scope.options.sizes_of(scope.languages.len()).filter_map(of_size).collect()
}

/// Whether a language agrees with itself on any question that counts: then the diagonal is 100.
fn diagonal(name: &str, rows: &[&AnswerRow]) -> impl Fn(usize) -> bool {
    let among_right = name.contains("right");
    let languages = rows.first().map_or(0, |row| row.answers.len());
    let counts: Vec<bool> = (0..languages)
        .map(|at| rows.iter().any(|row| if among_right { row.is_right(at) } else { true }))
        .collect();
    move |at| counts.get(at).copied().unwrap_or_default()
}

/// The symmetric matrix of a measure's cells, in percent.
fn matrix(
    languages: usize,
    cells: &[Option<f64>],
    diagonal: impl Fn(usize) -> bool,
    mean: f64,
) -> PairMatrix {
    let mut values = vec![vec![None; languages]; languages];
    for (at, row) in values.iter_mut().enumerate() {
        row[at] = diagonal(at).then_some(100.0);
    }
    for ((a, b), cell) in pairs(languages).into_iter().zip(cells) {
        let percent = cell.map(|cell| 100.0 * cell);
        values[a][b] = percent;
        values[b][a] = percent;
    }
    PairMatrix { mean: Some(mean), values }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{align::metric::rankc::Placement, random::Draws};

    fn row(id: &str, split: &str, right: &str, orders: &[&[usize]]) -> AnswerRow {
        AnswerRow {
            id: id.to_owned(),
            split: split.to_owned(),
            right: (!right.is_empty()).then(|| right.to_owned()),
            answers: orders.iter().map(|order| order.first().map(ToString::to_string)).collect(),
            placements: orders.iter().map(|order| Placement::of_order(order).unwrap()).collect(),
            ..AnswerRow::default()
        }
    }

    fn table() -> AnswerTable {
        AnswerTable {
            subject: Subject::Rankings,
            languages: ["en", "fr", "sw"].map(str::to_owned).to_vec(),
            rows: vec![
                row("1", "trained", "0", &[&[0, 1, 2, 3], &[0, 1, 2, 3], &[1, 0, 2, 3]]),
                row("2", "trained", "3", &[&[3, 1, 2, 0], &[2, 1, 3, 0], &[2, 1, 3, 0]]),
                row("3", "held-out", "1", &[&[1, 0, 2, 3], &[1, 0, 2, 3], &[1, 0, 2, 3]]),
            ],
        }
    }

    fn plain() -> Options {
        Options { bootstrap: Bootstrap { samples: 0, ..Bootstrap::default() }, ..Options::default() }
    }

    #[test]
    fn each_split_has_its_own_numbers() {
        let metrics = measure(&table(), None, &plain());
        assert_eq!(metrics.splits.len(), 2);
        let trained = &metrics.splits[0];
        assert_eq!((trained.split.as_str(), trained.questions, trained.dropped), ("trained", 2, 0));
        // en answers 0 and 3 (both right), fr 0 and 2, sw 1 and 2.
        let accuracy = trained.accuracy.as_ref().unwrap();
        let right: Vec<usize> = accuracy.per_language.iter().map(|language| language.right).collect();
        assert_eq!(right, [2, 1, 0]);
        assert!((accuracy.mean - 50.0).abs() < 1e-12);
        assert_eq!(trained.value("accuracy, English").unwrap().value, 100.0);
        assert_eq!(trained.value("accuracy, other languages").unwrap().value, 25.0);
        // Question 1: en=fr; question 2: fr=sw. One of three pairs each time; never all three.
        assert!((trained.consistency[0].consistency - 100.0 / 3.0).abs() < 1e-9);
        assert!((trained.consistency[0].ac3.unwrap() - 40.0).abs() < 1e-9);
        assert_eq!((trained.consistency[1].size, trained.consistency[1].consistency), (3, 0.0));
        // en-fr: 1 and the swap of places 1 and 3; en-sw: .3561 and the same swap.
        let rankc = trained.rankc.as_ref().unwrap();
        assert_eq!(rankc.values[0][0], Some(100.0));
        assert_eq!(rankc.values[0][1], rankc.values[1][0]);
        let top1 = trained.top1.as_ref().unwrap();
        assert_eq!(top1.values[0], [Some(100.0), Some(50.0), Some(0.0)]);
        assert_eq!(trained.right_overlap.as_ref().unwrap().values[0][1], Some(50.0));
        let either = trained.top1_if_any_right.as_ref().unwrap();
        assert_eq!((either.values[1][2], either.values[2][2]), (Some(0.0), None), "sw is never right");
        let held_out = &metrics.splits[1];
        assert_eq!(held_out.rankc.as_ref().unwrap().mean, Some(100.0));
        assert_eq!(held_out.consistency[1].consistency, 100.0);
        assert!(held_out.values.iter().all(|value| value.interval.is_none()));
    }

    #[test]
    fn english_pairs_leave_the_other_pairs_out_of_the_mean() {
        let options = Options { pairs: Pairs::English, splits: vec!["trained".to_owned()], ..plain() };
        let metrics = measure(&table(), None, &options);
        assert_eq!(metrics.splits.len(), 1);
        let top1 = metrics.splits[0].top1.as_ref().unwrap();
        assert_eq!(top1.mean, Some(25.0), "en-fr 50, en-sw 0");
        assert_eq!(top1.values[1][2], Some(50.0), "fr-sw is listed all the same");
    }

    #[test]
    fn unreadable_answers_are_wrong_and_leave_consistency_or_differ() {
        let mut table = table();
        table.rows[0].answers[0] = None;
        table.rows[0].placements.clear();
        table.rows[1].placements.clear();
        let dropped = &measure(&table, None, &plain()).splits[0];
        assert_eq!(dropped.dropped, 1);
        assert_eq!(dropped.accuracy.as_ref().unwrap().per_language[0].right, 1);
        assert!(dropped.rankc.is_none());
        assert!((dropped.consistency[0].consistency - 100.0 / 3.0).abs() < 1e-9, "question 2 alone");
        let differs = Options { unreadable: Unreadable::Differs, ..plain() };
        let kept = &measure(&table, None, &differs).splits[0];
        assert!((kept.consistency[0].consistency - 100.0 / 6.0).abs() < 1e-9, "one pair of six");
    }

    #[test]
    fn without_known_answers_there_is_no_accuracy() {
        let mut table = table();
        for row in &mut table.rows {
            row.right = None;
        }
        let split = &measure(&table, None, &plain()).splits[0];
        assert!(
            split.accuracy.is_none() && split.consistency[0].ac3.is_none() && split.right_overlap.is_none()
        );
    }

    #[test]
    fn chosen_languages_enter_accuracy_and_ac3_apart() {
        let languages = |codes: &[&str]| codes.iter().map(ToString::to_string).collect();
        let options = Options {
            accuracy_languages: languages(&["en", "fr"]),
            ac3_languages: languages(&["en"]),
            ..plain()
        };
        let split = &measure(&table(), None, &options).splits[0];
        assert_eq!(split.accuracy.as_ref().unwrap().mean, 75.0);
        // 2 * 100 * 33.3 / 133.3 = 50.
        assert!((split.consistency[0].ac3.unwrap() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_model_is_compared_with_another_on_the_same_questions() {
        let mut now = table();
        now.rows[1].answers = vec![Some("3".into()), Some("3".into()), Some("2".into())];
        now.rows.push(row("4", "trained", "0", &[&[0, 1], &[0, 1], &[0, 1]]));
        let metrics = measure(&now, Some(&table()), &Options::default());
        let against = metrics.splits[0].against.as_ref().unwrap();
        assert_eq!((against.questions, against.unmatched), (2, 1));
        let french = &against.per_language[1];
        assert_eq!((french.changed, french.gained, french.lost, french.p), (50.0, 1, 0, 1.0));
        assert!((against.changed - 50.0 / 3.0).abs() < 1e-9);
        let accuracy = against.changes.iter().find(|change| change.measure == "accuracy").unwrap();
        assert!((accuracy.change - 50.0 / 3.0).abs() < 1e-9, "one more of six");
        assert_eq!((accuracy.better, accuracy.worse), (1, 0));
        let [low, high] = accuracy.interval.unwrap();
        assert!(low == 0.0 && (high - 100.0 / 3.0).abs() < 1e-9, "{low} {high}");
        assert!(accuracy.p_bootstrap.unwrap() > 0.2);
    }

    /// Two languages: right with probability .7 and .5, independently given the question; the same answer if both are
    /// right, and if both are wrong in one of two ways with probability one half.
    fn simulated(questions: usize, draw: u64) -> AnswerTable {
        let mut draws = Draws::new(17, "simulation", draw);
        let mut answer = |right: f64| -> Option<String> {
            let text = if draws.uniform() < right {
                "r"
            } else if draws.uniform() < 0.5 {
                "a"
            } else {
                "b"
            };
            Some(text.to_owned())
        };
        let row = |id: usize| AnswerRow {
            id: id.to_string(),
            right: Some("r".into()),
            answers: vec![answer(0.7), answer(0.5)],
            ..AnswerRow::default()
        };
        let rows = (0..questions).map(row).collect();
        AnswerTable { subject: Subject::Answers, languages: vec!["en".into(), "sw".into()], rows }
    }

    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let bootstrap = Bootstrap { samples: 200, level: 0.9, seed: 3 };
        let options = Options { bootstrap, ..Options::default() };
        // Expected: accuracy (.7 + .5) / 2; same answer .7 * .5 + .3 * .5 / 2.
        let truths = [("accuracy", 60.0), ("same answer", 42.5), ("Consistency_2", 42.5)];
        let rounds: u64 = 200;
        let mut covered = [0_u64; 3];
        for draw in 0..rounds {
            let split = &measure(&simulated(80, draw), None, &options).splits[0];
            for ((measure, truth), covered) in truths.iter().zip(&mut covered) {
                let [low, high] = split.value(measure).unwrap().interval.unwrap();
                *covered += u64::from((low..=high).contains(truth));
            }
        }
        // 180 of 200 are expected, with a standard deviation of 4.2.
        for ((measure, _), covered) in truths.iter().zip(covered) {
            assert!((166..=193).contains(&covered), "{measure}: {covered} of {rounds}");
        }
    }

    #[test]
    fn resamples_are_the_same_every_time() {
        let table = simulated(30, 0);
        let options =
            |seed| Options { bootstrap: Bootstrap { samples: 50, level: 0.9, seed }, ..Options::default() };
        let measured = |seed| measure(&table, None, &options(seed)).splits[0].values[0].interval;
        assert_eq!(measured(1), measured(1));
        assert_ne!(measured(1), measured(2));
    }
}
