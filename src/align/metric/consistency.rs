//! `Consistency_s` for every size of groups (methods 6.2), and its harmonic mean with accuracy, AC3 (methods 6.3).

use super::{
    AnswerRow, Cell, Measure, Metric, Scope, Subject, accuracy,
    agreement::{ac3, binomial, groups_alike},
    mean_of_cells,
    measure::Unreadable,
    positions,
};

pub(super) const METRIC: Metric = Metric {
    about: "mean over all groups of s languages of the share of questions that the whole group answers alike",
    subjects: &[Subject::Rankings, Subject::Answers],
    measures: |scope| {
        scope.options.sizes_of(scope.languages.len()).map(|size| consistency(scope, size)).collect()
    },
};

pub(super) const AC3: Metric = Metric {
    about: "harmonic mean of accuracy and Consistency_s",
    subjects: &[Subject::Rankings, Subject::Answers],
    measures: |scope| {
        scope.options.sizes_of(scope.languages.len()).map(|size| with_accuracy(scope, size)).collect()
    },
};

fn consistency(scope: Scope<'_>, size: usize) -> Measure {
    let unreadable = scope.options.unreadable;
    Measure {
        name: format!("Consistency_{size}"),
        cells: Box::new(move |row| vec![cell(row, size, unreadable)]),
        combine: Box::new(mean_of_cells),
        by_pair: false,
    }
}

fn with_accuracy(scope: Scope<'_>, size: usize) -> Measure {
    let unreadable = scope.options.unreadable;
    let languages = positions(scope.languages, &scope.options.ac3_languages);
    Measure {
        name: format!("AC3_{size}"),
        cells: Box::new(move |row| {
            let mut cells = accuracy::cells(row, &languages);
            cells.push(cell(row, size, unreadable));
            cells
        }),
        combine: Box::new(|values| {
            let (alike, right) = values.split_last()?;
            Some(ac3(mean_of_cells(right)?, (*alike)?))
        }),
        by_pair: false,
    }
}

/// The share of the groups of `size` languages that answer a question alike.
fn cell(row: &AnswerRow, size: usize, unreadable: Unreadable) -> Cell {
    let read = row.answers.iter().flatten().count();
    let all = row.answers.len();
    let languages = match unreadable {
        Unreadable::Drop if read < all => return Cell::NONE,
        Unreadable::Valid if read < size => return Cell::NONE,
        Unreadable::ValidOrZero if read < size => return Cell::of(0.0),
        Unreadable::Drop | Unreadable::Differs => all,
        Unreadable::Valid | Unreadable::ValidOrZero => read,
    };
    let groups = binomial(languages, size);
    if groups == 0.0 { Cell::NONE } else { Cell::of(groups_alike(&row.answers, size) / groups) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(answers: &str) -> AnswerRow {
        let answers = answers.chars().map(|c| (c != '-').then(|| c.to_string())).collect();
        AnswerRow { answers, ..AnswerRow::default() }
    }

    #[test]
    fn unreadable_answers_are_treated_as_the_recipe_says() {
        use Unreadable::{Differs, Drop, Valid, ValidOrZero};
        // Of A, A, B, -: one pair of six alike; one pair of three among those that can be read.
        let quarter = row("AAB-");
        assert_eq!(cell(&quarter, 2, Drop), Cell::NONE);
        assert_eq!(cell(&quarter, 2, Differs), Cell::of(1.0 / 6.0));
        assert_eq!(cell(&quarter, 2, Valid), Cell::of(1.0 / 3.0));
        assert_eq!(cell(&quarter, 2, ValidOrZero), Cell::of(1.0 / 3.0));
        let one = row("A---");
        assert_eq!((cell(&one, 2, Valid), cell(&one, 2, ValidOrZero)), (Cell::NONE, Cell::of(0.0)));
        assert_eq!(cell(&row("AAAA"), 4, Drop), Cell::of(1.0));
    }
}
