//! One of a question's own candidates against others: the right one, or the one that languages voted for (methods 3.10).

use std::collections::BTreeMap;

use super::{
    LeftOut, Unit,
    spec::{PairsSpec, RejectedCandidate},
};
use crate::{
    align::pair::{
        candidates::{Rejected, rejected},
        unnamed,
    },
    artifact::row::{pair::Pair, question::Question, vote::Vote},
    failure::Failure,
    stage::{context::Context, kinds::splits::of_splits},
};

pub(super) fn gold_vs_rest(
    cx: &Context<'_>,
    spec: &PairsSpec,
    left_out: &mut LeftOut,
) -> Result<Vec<Unit>, Failure> {
    gold(cx, spec, left_out, Rejected::Rest)
}

pub(super) fn gold_vs_random(
    cx: &Context<'_>,
    spec: &PairsSpec,
    left_out: &mut LeftOut,
) -> Result<Vec<Unit>, Failure> {
    gold(cx, spec, left_out, Rejected::Random { seed: spec.seed })
}

fn gold(
    cx: &Context<'_>,
    spec: &PairsSpec,
    left_out: &mut LeftOut,
    which: Rejected,
) -> Result<Vec<Unit>, Failure> {
    let questions: Vec<Question> = cx.rows("questions")?;
    let mut units = Vec::new();
    for question in of_splits(&questions, &spec.splits)?.into_iter().filter(|own| spec.wants(&own.lang)) {
        let Some(right) = question.answer else {
            left_out.add("questions have no right answer", 1);
            continue;
        };
        let others = rejected(question, right, which);
        if others.is_empty() {
            left_out.add("questions have no other candidate", 1);
        }
        units.extend(others.into_iter().filter_map(|other| pair(question, spec, right, other)));
    }
    Ok(units)
}

pub(super) fn top_answer(
    cx: &Context<'_>,
    spec: &PairsSpec,
    left_out: &mut LeftOut,
) -> Result<Vec<Unit>, Failure> {
    let questions: Vec<Question> = cx.rows("questions")?;
    let votes: Vec<Vote> = cx.rows("votes")?;
    let votes: BTreeMap<&str, &Vote> = votes.iter().map(|vote| (vote.id.as_str(), vote)).collect();
    let mut units = Vec::new();
    for question in of_splits(&questions, &spec.splits)?.into_iter().filter(|own| spec.wants(&own.lang)) {
        let Some(vote) = votes.get(question.id.as_str()) else {
            left_out.add("questions have no vote", 1);
            continue;
        };
        let Some(winner) = position(question, &vote.answer) else {
            left_out.add("questions do not have the winner among their candidates", 1);
            continue;
        };
        let other = match spec.rejected {
            RejectedCandidate::Random => {
                rejected(question, winner, Rejected::Random { seed: spec.seed }).first().copied()
            }
            RejectedCandidate::OwnAnswer => {
                let own = vote.ballots.iter().find(|ballot| ballot.lang == question.lang);
                own.and_then(|ballot| position(question, &ballot.answer)).filter(|own| *own != winner)
            }
        };
        match other.and_then(|other| pair(question, spec, winner, other)) {
            Some(unit) => units.push(unit),
            None => left_out.add("questions have no candidate to reject in their language", 1),
        }
    }
    Ok(units)
}

/// The position of the candidate that an answer names.
fn position(question: &Question, answer: &str) -> Option<usize> {
    let named = question.choice_ids.iter().position(|id| id == answer);
    let position = if question.choice_ids.is_empty() { unnamed(answer) } else { named };
    position.filter(|position| *position < question.choices.len())
}

fn pair(question: &Question, spec: &PairsSpec, chosen: usize, rejected: usize) -> Option<Unit> {
    Some(vec![Pair {
        id: format!("{}/{}/{chosen}-{rejected}", question.id, question.lang),
        lang: question.lang.clone(),
        prompt: spec.prompt(question),
        chosen: question.choices.get(chosen)?.clone(),
        rejected: question.choices.get(rejected)?.clone(),
        question: question.id.clone(),
        ..Pair::default()
    }])
}
