//! Checks that questions are parallel: there in every language, with the same number of candidates in the same order.

use indexmap::{IndexMap, IndexSet};

use super::{Missing, convert::Placed};
use crate::{artifact::row::question::Question, failure::Failure};

/// The questions that are there in every language, in their order, and how many were dropped.
pub(super) fn align(
    questions: Vec<Placed<Question>>,
    missing: Missing,
) -> Result<(Vec<Question>, usize), Failure> {
    let mut by_id: IndexMap<String, Vec<Placed<Question>>> = IndexMap::new();
    let mut languages: IndexSet<String> = IndexSet::new();
    for question in questions {
        languages.insert(question.row.lang.clone());
        by_id.entry(question.row.id.clone()).or_default().push(question);
    }
    let mut kept = Vec::new();
    let mut dropped = 0;
    for (id, parallel) in by_id {
        let lacking = languages.iter().find(|lang| parallel.iter().all(|placed| placed.row.lang != **lang));
        match (lacking, missing) {
            (Some(_), Missing::Drop) => dropped += 1,
            (Some(lang), Missing::Error) => {
                let message = format!("question `{id}` is missing in `{lang}`");
                return Err(Failure::input(message)
                    .at(&parallel[0].place)
                    .hint("`missing = \"drop\"` leaves out questions that some language lacks"));
            }
            (None, _) => {
                same_candidates(&parallel)?;
                kept.extend(parallel.into_iter().map(|placed| placed.row));
            }
        }
    }
    if kept.is_empty() {
        return Err(Failure::input(format!("no question is there in all of {} languages", languages.len()))
            .hint("rows of different languages belong together by `id`"));
    }
    Ok((kept, dropped))
}

fn same_candidates(parallel: &[Placed<Question>]) -> Result<(), Failure> {
    let first = &parallel[0];
    for other in &parallel[1..] {
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
            continue;
        };
        return Err(Failure::input(message).at(&other.place).hint(
            "candidates are compared by position: list the same ones in the same order in every language",
        ));
    }
    Ok(())
}
