//! The same random preference in several languages (DCO, methods 3.3).

use indexmap::IndexSet;

use super::{
    LeftOut, Unit,
    spec::{Grouping, PairsSpec},
    wording::by_language,
};
use crate::{
    align::pair::parallel::{Partners, Sampling, Shared, Skipped, draw},
    artifact::row::{pair::Pair, question::Question},
    failure::Failure,
    stage::context::Context,
};

/// Every question with its candidates that may be drawn, by question and language.
struct Candidates<'a> {
    ids: Vec<&'a str>,
    languages: Vec<&'a str>,
    /// `[question][language]`.
    questions: Vec<Vec<&'a Question>>,
    /// `[question][language]`: positions of candidates.
    kept: Vec<Vec<Vec<usize>>>,
}

pub(super) fn make(cx: &Context<'_>, spec: &PairsSpec, left_out: &mut LeftOut) -> Result<Vec<Unit>, Failure> {
    let mut questions: Vec<Question> = cx.rows("questions")?;
    if spec.train.is_none() {
        questions.retain(|question| spec.splits.is_empty() || spec.splits.contains(&question.split));
    }
    let candidates = Candidates::of(&questions, spec)?;
    let all = candidates.ids.len();
    let train = spec.train.unwrap_or(all);
    if train > all {
        return Err(Failure::input(format!("{train} questions are to be drawn, but there are {all}"))
            .hint("leave `train` out to draw all"));
    }
    let sampling = Sampling {
        seed: spec.seed,
        train,
        passes: spec.passes,
        partners: match spec.grouping {
            Grouping::Pair => Partners::Two,
            Grouping::All => Partners::All,
        },
    };
    let counts: Vec<Vec<usize>> =
        candidates.kept.iter().map(|languages| languages.iter().map(Vec::len).collect()).collect();
    let drawn = draw(&counts, &sampling);
    for question in &drawn.train {
        check_split(candidates.questions[*question][0], spec)?;
    }
    for skipped in &drawn.skipped {
        let reason = match skipped {
            Skipped::TooFew => "draws left out because a language has fewer than two candidates",
            Skipped::NotThere => "draws left out because a language has fewer candidates than another",
        };
        left_out.add(reason, 1);
    }
    Ok(drawn.rows.iter().map(|row| candidates.group(row, spec)).collect())
}

/// What is drawn here and what another stage calls the training part must be one.
fn check_split(question: &Question, spec: &PairsSpec) -> Result<(), Failure> {
    if spec.splits.is_empty() || spec.splits.contains(&question.split) {
        return Ok(());
    }
    Err(Failure::input(format!(
        "question `{}` was drawn for training, but belongs to split `{}`",
        question.id, question.split
    ))
    .hint("split the data with the same seed and number, or leave `splits` out"))
}

impl<'a> Candidates<'a> {
    fn of(rows: &'a [Question], spec: &'a PairsSpec) -> Result<Self, Failure> {
        let by_language = by_language(rows);
        let ids: IndexSet<&str> = rows.iter().map(|question| question.id.as_str()).collect();
        let seen: IndexSet<&str> = rows.iter().map(|question| question.lang.as_str()).collect();
        let wanted: Vec<&str> = if spec.languages.is_empty() {
            seen.into_iter().filter(|lang| spec.wants(lang)).collect()
        } else {
            spec.languages.iter().map(crate::task::language::LangCode::as_str).collect()
        };
        if wanted.len() < 2 {
            let message =
                format!("the questions are in {} languages: nobody shares a preference", wanted.len());
            return Err(Failure::input(message).hint("give questions in two or more languages"));
        }
        let mut candidates = Self {
            ids: ids.into_iter().collect(),
            languages: wanted,
            questions: Vec::new(),
            kept: Vec::new(),
        };
        for id in &candidates.ids {
            let of_language = |lang: &&str| {
                by_language.get(&(*id, *lang)).copied().ok_or_else(|| {
                    Failure::input(format!("question `{id}` is missing in `{lang}`"))
                        .hint("languages share preferences of the same questions")
                })
            };
            let own = candidates.languages.iter().map(of_language).collect::<Result<Vec<_>, Failure>>()?;
            candidates.kept.push(own.iter().map(|question| kept(question, spec.false_only)).collect());
            candidates.questions.push(own);
        }
        Ok(candidates)
    }

    /// The pairs of one drawn row.
    fn group(&self, row: &Shared, spec: &PairsSpec) -> Unit {
        let id = self.ids[row.question];
        let codes: Vec<&str> = row.languages.iter().map(|lang| self.languages[*lang]).collect();
        let group = format!("{id}/{}/{}", codes.join("-"), row.pass);
        let side = |lang: &usize| {
            let question = self.questions[row.question][*lang];
            let kept = &self.kept[row.question][*lang];
            let prompt = spec.prompt(question);
            Pair {
                id: format!("{group}/{}", question.lang),
                lang: question.lang.clone(),
                prompt: if spec.strip_prompt { prompt.trim().to_owned() } else { prompt },
                chosen: question.choices[kept[row.chosen]].clone(),
                rejected: question.choices[kept[row.rejected]].clone(),
                question: id.to_owned(),
                group: group.clone(),
                ..Pair::default()
            }
        };
        row.languages.iter().map(side).collect()
    }
}

/// Positions of the candidates that may be drawn: all, or those that do not read as the right one.
fn kept(question: &Question, false_only: bool) -> Vec<usize> {
    let right = question.answer.and_then(|right| question.choices.get(right)).filter(|_| false_only);
    (0..question.choices.len()).filter(|place| Some(&question.choices[*place]) != right).collect()
}
