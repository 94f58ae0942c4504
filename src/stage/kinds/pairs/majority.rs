//! The winner of a vote against every sample that differs (CALM, methods 1.7).

use super::{
    LeftOut, Unit,
    spec::PairsSpec,
    wording::{Unworded, Wording},
};
use crate::{
    align::pair,
    artifact::row::{pair::Pair, question::Question, vote::Vote},
    failure::Failure,
    stage::context::Context,
};

pub(super) fn make(cx: &Context<'_>, spec: &PairsSpec, left_out: &mut LeftOut) -> Result<Vec<Unit>, Failure> {
    let questions: Vec<Question> = cx.rows("questions")?;
    let votes: Vec<Vote> = cx.rows("votes")?;
    let wording = Wording::new(cx, &questions, spec)?;
    let mut units = Vec::new();
    for vote in &votes {
        for lang in languages_of(vote, spec) {
            let own = vote.ballots.iter().filter(|ballot| ballot.lang == lang);
            let agreeing = own.clone().filter(|ballot| ballot.answer == vote.answer).count();
            left_out.add("samples agree with the winner", agreeing);
            let losers = own.count() - agreeing;
            if losers == 0 {
                continue;
            }
            let question = wording.question(vote, lang)?;
            if !spec.splits.is_empty() && !spec.splits.contains(&question.split) {
                left_out.add("samples belong to other splits", losers);
                continue;
            }
            let native = spec.prefer_native_winner.then(|| native_winner(vote, lang)).flatten();
            let chosen = match native {
                Some(text) => Ok(text.to_owned()),
                None => wording.chosen(vote, question)?,
            };
            match chosen {
                Ok(chosen) => {
                    let prompt = spec.prompt(question);
                    let pairs = pair::pairs(vote, question, &chosen);
                    units.extend(pairs.into_iter().map(|pair| vec![Pair { prompt: prompt.clone(), ..pair }]));
                }
                Err(Unworded::NoChoice) => left_out
                    .add("samples left out because the winner has no wording in their language", losers),
                Err(Unworded::NoTranslation) => left_out
                    .add("samples left out because the winner is not translated into their language", losers),
            }
        }
    }
    Ok(units)
}

/// The winner as it was said in `lang`, the last time; nothing if nobody said it there.
fn native_winner<'v>(vote: &'v Vote, lang: &str) -> Option<&'v str> {
    let said =
        |ballot: &&crate::artifact::row::vote::Ballot| ballot.lang == lang && ballot.answer == vote.answer;
    vote.ballots.iter().rfind(said).map(|ballot| ballot.completion.as_str())
}

/// The languages of a vote's samples in pool order, as far as pairs in them are wanted.
fn languages_of<'v>(vote: &'v Vote, spec: &PairsSpec) -> Vec<&'v str> {
    let mut languages: Vec<&str> = Vec::new();
    for ballot in &vote.ballots {
        if !languages.contains(&ballot.lang.as_str()) && spec.wants(&ballot.lang) {
            languages.push(&ballot.lang);
        }
    }
    languages
}
