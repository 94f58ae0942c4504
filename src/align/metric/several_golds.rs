//! Share of right candidates among as many best ones, where a question may have several right answers (methods 6.1).

use super::{Cell, Measure, Metric, Scope, Subject, mean_of_cells};

pub(super) const METRIC: Metric = Metric {
    about: "share of right answers among the best candidates, as many as there are right answers",
    subjects: &[Subject::Rankings],
    measures,
};

fn measures(scope: Scope<'_>) -> Vec<Measure> {
    let languages = scope.languages.len();
    vec![Measure {
        name: "accuracy, several golds".to_owned(),
        cells: Box::new(move |row| {
            let cell = |language: usize| -> Option<Cell> {
                let golds = row.golds.get(language).filter(|golds| !golds.is_empty())?;
                let best = row.placements.get(language)?.order().iter().take(golds.len());
                Some(Cell::of(best.filter(|at| golds.contains(at)).count() as f64 / golds.len() as f64))
            };
            (0..languages).map(|language| cell(language).unwrap_or(Cell::NONE)).collect()
        }),
        combine: Box::new(mean_of_cells),
        by_pair: false,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::metric::{AnswerRow, measure::Options, rankc::Placement};

    #[test]
    fn as_many_of_the_best_count_as_there_are_right_answers() {
        let row = AnswerRow {
            placements: vec![
                Placement::of_order(&[2, 0, 1, 3]).unwrap(),
                Placement::of_order(&[3, 1, 0, 2]).unwrap(),
            ],
            golds: vec![vec![0, 1], vec![3]],
            ..AnswerRow::default()
        };
        let languages = ["en".to_owned(), "sw".to_owned()];
        let options = Options::default();
        let scope = Scope { subject: Subject::Rankings, languages: &languages, options: &options };
        // Of 2 and 0 only 0 is right: one half. 3 is right: all.
        assert_eq!((measures(scope)[0].cells)(&row), [Cell::of(0.5), Cell::of(1.0)]);
        assert_eq!((measures(scope)[0].cells)(&AnswerRow::default()), [Cell::NONE, Cell::NONE]);
    }
}
