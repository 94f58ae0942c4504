//! Answers that were read out of sampled texts, as a table.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{EvaluateSpec, Missing, languages, missing};
use crate::{
    align::metric::{AnswerRow, AnswerTable, Subject},
    artifact::row::{answer::Answer, question::Question},
    failure::Failure,
};

/// One row per question; of several samples, the one that the settings name. Parts of the data are told by `questions`.
pub(super) fn table(
    answers: &[Answer],
    questions: &[Question],
    wanted: &[String],
    spec: &EvaluateSpec,
) -> Result<(AnswerTable, usize), Failure> {
    let counted: Vec<&Answer> = answers.iter().filter(|answer| answer.sample == spec.sample).collect();
    let languages = languages(wanted, counted.iter().map(|answer| answer.lang.as_str()).collect());
    let splits: BTreeMap<&str, &str> =
        questions.iter().map(|question| (question.id.as_str(), question.split.as_str())).collect();
    let mut by_id: IndexMap<&str, BTreeMap<&str, &Answer>> = IndexMap::new();
    for answer in counted {
        if by_id.entry(&answer.id).or_default().insert(&answer.lang, answer).is_some() {
            return Err(Failure::input(format!(
                "question `{}` has two samples numbered {} in `{}`",
                answer.id, spec.sample, answer.lang
            )));
        }
    }
    let mut table = AnswerTable { subject: Subject::Answers, languages, rows: Vec::new() };
    let mut dropped = 0;
    for (id, of_lang) in by_id {
        let lacking = table.languages.iter().find(|lang| !of_lang.contains_key(lang.as_str()));
        match (lacking, spec.missing) {
            (Some(_), Missing::Drop) => {
                dropped += 1;
                continue;
            }
            (Some(lang), Missing::Error) => return Err(missing("sample", id, lang)),
            (None, _) => {}
        }
        let all = || table.languages.iter().map(|lang| of_lang.get(lang.as_str()));
        table.rows.push(AnswerRow {
            id: id.to_owned(),
            split: splits.get(id).map(ToString::to_string).unwrap_or_default(),
            right: all().flatten().find_map(|answer| answer.right.clone()),
            answers: all().map(|answer| answer.and_then(|answer| answer.answer.clone())).collect(),
            lengths: all().map(|answer| answer.map(|answer| answer.completion.chars().count())).collect(),
            ..AnswerRow::default()
        });
    }
    Ok((table, dropped))
}
