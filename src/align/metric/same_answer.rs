//! Share of questions with the same answer in two languages, and its two variants among questions that are answered right
//! (methods 6.4).

use super::{
    AnswerRow, Cell, Measure, Metric, Scope, Subject, mean_of_pairs,
    measure::{Options, Unreadable},
    pairs,
};

pub(super) const METRIC: Metric = Metric {
    about: "share of questions with the same answer in both languages",
    subjects: &[Subject::Rankings, Subject::Answers],
    measures: |scope| {
        let options = scope.options.clone();
        by_pair(scope, "same answer", move |row, a, b| {
            Cell::hit(row.is_same(a, b)).when(counts(row, a, b, &options))
        })
    },
};

pub(super) const EITHER_RIGHT: Metric = Metric {
    about: "the same among questions that at least one of the two languages answers right (onlycorrect)",
    subjects: &[Subject::Rankings, Subject::Answers],
    measures: |scope| {
        by_pair(scope, "same answer if either is right", |row, a, b| {
            Cell::hit(row.is_same(a, b)).when(row.is_right(a) || row.is_right(b))
        })
    },
};

pub(super) const BOTH_RIGHT: Metric = Metric {
    about: "questions that both answer right, as share of those that either does (COverlap)",
    subjects: &[Subject::Rankings, Subject::Answers],
    measures: |scope| {
        by_pair(scope, "both right if either is", |row, a, b| {
            Cell::hit(row.is_right(a) && row.is_right(b)).when(row.is_right(a) || row.is_right(b))
        })
    },
};

fn by_pair(
    scope: Scope<'_>,
    name: &str,
    cell: impl Fn(&AnswerRow, usize, usize) -> Cell + Sync + 'static,
) -> Vec<Measure> {
    let pairs = pairs(scope.languages.len());
    vec![Measure {
        name: name.to_owned(),
        cells: Box::new(move |row| pairs.iter().map(|&(a, b)| cell(row, a, b)).collect()),
        combine: mean_of_pairs(scope),
        by_pair: true,
    }]
}

/// Whether a question counts for a pair, given what it was answered.
pub(super) fn counts(row: &AnswerRow, a: usize, b: usize, options: &Options) -> bool {
    let read = |at: usize| row.answers.get(at).is_some_and(Option::is_some);
    match options.unreadable {
        Unreadable::Drop => row.answers.iter().all(Option::is_some),
        Unreadable::Differs | Unreadable::ValidOrZero => true,
        Unreadable::Valid => read(a) && read(b),
    }
}
