//! Checks that questions are parallel: there in every language, with the same number of candidates in the same order.

use indexmap::{IndexMap, IndexSet};

use super::{
    convert::Placed,
    drops::Drops,
    spec::{DatasetSpec, Misaligned, Missing},
};
use crate::{artifact::row::question::Question, failure::Failure};

/// The versions of one question in all languages that have it.
pub(super) type Parallel = Vec<Placed<Question>>;

/// Brings the versions of each question together, in the order in which ids are first seen.
pub(super) fn group(questions: Vec<Placed<Question>>) -> IndexMap<String, Parallel> {
    let mut by_id: IndexMap<String, Parallel> = IndexMap::new();
    for question in questions {
        by_id.entry(question.row.id.clone()).or_default().push(question);
    }
    by_id
}

/// Leaves out the questions that are not there in every language, or not alike, as the settings say.
pub(super) fn align(
    by_id: &mut IndexMap<String, Parallel>,
    spec: &DatasetSpec,
    drops: &mut Drops,
) -> Result<(), Failure> {
    let seen = by_id.values().flatten().map(|placed| placed.row.lang.clone());
    let languages: IndexSet<String> = seen.collect();
    let unreadable = std::mem::take(&mut drops.unreadable_ids);
    let mut failure = None;
    by_id.retain(|id, parallel| {
        if failure.is_some() {
            return true;
        }
        let lacks = |lang: &&String| parallel.iter().all(|placed| placed.row.lang != **lang);
        let lacking = if spec.missing == Missing::Keep { None } else { languages.iter().find(lacks) };
        if let Some(lang) = lacking {
            let message = format!("question `{id}` is missing in `{lang}`");
            if unreadable.contains(id) {
                drops.count("questions that cannot be read in some language", 1, || message);
            } else if spec.missing == Missing::Drop {
                drops.count("questions that are not there in every language", 1, || message);
            } else {
                failure = Some(Failure::input(message).at(&parallel[0].place).hint(
                    "`missing = \"drop\"` leaves out questions that some language lacks",
                ));
            }
            return false;
        }
        match (spec.misaligned_policy(), unlike(parallel)) {
            (Misaligned::Keep, _) | (_, None) => true,
            (Misaligned::Drop, Some((_, message))) => {
                drops.count("questions whose candidates differ between languages", 1, || message);
                false
            }
            (Misaligned::Error, Some((place, message))) => {
                failure = Some(Failure::input(message).at(place).hint(
                    "candidates are compared by position: list the same ones in the same order in every language, \
                     or leave such questions out with `misaligned = \"drop\"`",
                ));
                false
            }
        }
    });
    failure.map_or(Ok(()), Err)
}

/// Where and how the versions of a question differ in what must be the same.
fn unlike(parallel: &[Placed<Question>]) -> Option<(String, String)> {
    let (first, others) = parallel.split_first()?;
    others.iter().find_map(|other| {
        let (a, b) = (&first.row, &other.row);
        let message = if a.choices.len() != b.choices.len() {
            format!(
                "question `{}` has {} candidates in `{}` but {} in `{}`",
                a.id,
                b.choices.len(),
                b.lang,
                a.choices.len(),
                a.lang
            )
        } else if a.answer != b.answer {
            let shown = |answer: Option<usize>| {
                answer.map_or("unknown".to_owned(), |answer| format!("choice {answer}"))
            };
            format!(
                "question `{}`: the answer is {} in `{}` but {} in `{}`",
                a.id,
                shown(b.answer),
                b.lang,
                shown(a.answer),
                a.lang
            )
        } else if a.choice_ids != b.choice_ids {
            format!("question `{}`: the choice ids in `{}` differ from those in `{}`", a.id, b.lang, a.lang)
        } else {
            return None;
        };
        Some((other.place.clone(), message))
    })
}
