//! Share of right answers (methods 6.1): of all languages, and of English and the others apart as tables print it.

use super::{AnswerRow, Cell, Measure, Metric, Scope, Subject, mean_of_cells, positions};

pub(super) const METRIC: Metric = Metric {
    about: "share of right answers; an answer that cannot be read is wrong",
    subjects: &[Subject::Rankings, Subject::Answers],
    measures,
};

/// The English column of tables.
const ENGLISH: &str = "accuracy, English";
/// The mean of all other languages.
const OTHERS: &str = "accuracy, other languages";

fn measures(scope: Scope<'_>) -> Vec<Measure> {
    let asked = positions(scope.languages, &scope.options.accuracy_languages);
    let (english, others): (Vec<usize>, Vec<usize>) =
        (0..scope.languages.len()).partition(|at| scope.languages[*at] == "en");
    let mut measures = vec![measure("accuracy", asked)];
    if !english.is_empty() && !others.is_empty() {
        measures.push(measure(ENGLISH, english));
        measures.push(measure(OTHERS, others));
    }
    measures
}

fn measure(name: &str, languages: Vec<usize>) -> Measure {
    Measure {
        name: name.to_owned(),
        cells: Box::new(move |row| cells(row, &languages)),
        combine: Box::new(mean_of_cells),
        by_pair: false,
    }
}

/// One cell per language: whether it is right.
pub(super) fn cells(row: &AnswerRow, languages: &[usize]) -> Vec<Cell> {
    let known = row.right.is_some();
    languages.iter().map(|&language| Cell::hit(row.is_right(language)).when(known)).collect()
}
