//! Rankings as a table of answers: the best candidate is the answer.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{EvaluateSpec, Missing, languages, missing, spec::Gold};
use crate::{
    align::metric::{
        AnswerRow, AnswerTable, Subject,
        rankc::{Placement, Ties},
    },
    artifact::row::{question::Question, ranking::Ranking},
    failure::Failure,
};

/// The best candidates with all orders and scores. `questions` are only needed to find further right answers.
pub(super) fn table(
    rows: &[Ranking],
    questions: &[Question],
    wanted: &[String],
    spec: &EvaluateSpec,
) -> Result<(AnswerTable, usize), Failure> {
    let languages = languages(wanted, rows.iter().map(|row| row.lang.as_str()).collect());
    let golds = SharedGolds::of(questions);
    let mut by_id: IndexMap<&str, IndexMap<&str, &Ranking>> = IndexMap::new();
    for row in rows {
        if by_id.entry(&row.id).or_default().insert(&row.lang, row).is_some() {
            return Err(Failure::input(format!("question `{}` is ranked twice in `{}`", row.id, row.lang)));
        }
    }
    let mut table = AnswerTable { subject: Subject::Rankings, languages, rows: Vec::new() };
    let mut dropped = 0;
    for (id, of_lang) in by_id {
        let lacking = table.languages.iter().find(|lang| !of_lang.contains_key(lang.as_str()));
        match (lacking, spec.missing) {
            (None, _) => {
                let mut row = row_of_rankings(id, &of_lang, &table.languages, spec.rankc.ties)?;
                if spec.gold == Gold::SameQuestion {
                    let of = |lang: &String| golds.positions(id, lang);
                    row.golds = table.languages.iter().map(of).collect::<Result<_, _>>()?;
                }
                table.rows.push(row);
            }
            (Some(_), Missing::Drop) => dropped += 1,
            (Some(lang), Missing::Error) => return Err(missing("ranking", id, lang)),
        }
    }
    Ok((table, dropped))
}

fn row_of_rankings(
    id: &str,
    of_lang: &IndexMap<&str, &Ranking>,
    languages: &[String],
    ties: Ties,
) -> Result<AnswerRow, Failure> {
    let mut row = AnswerRow { id: id.to_owned(), ..AnswerRow::default() };
    let mut first: Option<&Ranking> = None;
    for ranking in languages.iter().filter_map(|lang| of_lang.get(lang.as_str())) {
        let (lang, count) = (&ranking.lang, ranking.scores.len());
        let first = *first.get_or_insert(ranking);
        if count == 0 {
            return Err(Failure::input(format!("question `{id}` has no candidates in `{lang}`")));
        }
        if count != first.scores.len() {
            let message = format!(
                "question `{id}` has {count} candidates in `{lang}` but {} in `{}`",
                first.scores.len(),
                first.lang
            );
            return Err(Failure::input(message)
                .hint("candidates are compared by position: list the same ones in every language"));
        }
        if ranking.answer != first.answer {
            let message =
                format!("question `{id}`: `{lang}` and `{}` do not have the same right answer", first.lang);
            return Err(
                Failure::input(message).hint("candidates must be listed in the same order in every language")
            );
        }
        let placement = Placement::of_scores(&ranking.scores, ties);
        row.answers.push(placement.best().map(|best| best.to_string()));
        row.placements.push(placement);
        row.scores.push(ranking.scores.clone());
    }
    if let Some(first) = first {
        row.split.clone_from(&first.split);
        row.right = first.answer.map(|position| position.to_string());
    }
    Ok(row)
}

/// The right answers of all questions that read the same in one language.
struct SharedGolds<'q> {
    questions: BTreeMap<(&'q str, &'q str), &'q Question>,
    texts: BTreeMap<(&'q str, &'q str), BTreeSet<&'q str>>,
}

impl<'q> SharedGolds<'q> {
    fn of(questions: &'q [Question]) -> Self {
        let mut found = Self { questions: BTreeMap::new(), texts: BTreeMap::new() };
        for question in questions {
            found.questions.insert((&question.id, &question.lang), question);
            if let Some(right) = question.answer.and_then(|answer| question.choices.get(answer)) {
                found.texts.entry((&question.lang, &question.question)).or_default().insert(right);
            }
        }
        found
    }

    /// The positions of all right candidates of a question.
    fn positions(&self, id: &str, lang: &str) -> Result<Vec<usize>, Failure> {
        let question = self.questions.get(&(id, lang)).ok_or_else(|| {
            Failure::input(format!("question `{id}` is ranked in `{lang}` but not among `questions`"))
                .hint("name the questions that were ranked")
        })?;
        let right = self.texts.get(&(lang, question.question.as_str()));
        let is_right = |at: &usize| right.is_some_and(|right| right.contains(question.choices[*at].as_str()));
        Ok((0..question.choices.len()).filter(is_right).collect())
    }
}
