//! Pairs out of scored candidates (methods 2.4, 5.4, 5.5b).

use indexmap::IndexMap;

use super::{LeftOut, Unit, spec::PairsSpec};
use crate::{
    align::pair::extremes::{Candidate, NoPair, extremes, ordered},
    artifact::row::{pair::Pair, score::Score},
    failure::Failure,
    stage::context::Context,
};

pub(super) fn argmax_argmin(
    cx: &Context<'_>,
    spec: &PairsSpec,
    left_out: &mut LeftOut,
) -> Result<Vec<Unit>, Failure> {
    let scores: Vec<Score> = cx.rows("scores")?;
    let mut units = Vec::new();
    for own in groups(&scores, spec, left_out)? {
        match extremes(&candidates(&own)) {
            Ok((best, worst)) => units.push(pair(own[best], own[worst])),
            Err(reason) => left_out.add(why(reason), 1),
        }
    }
    Ok(units)
}

pub(super) fn all_ordered(
    cx: &Context<'_>,
    spec: &PairsSpec,
    left_out: &mut LeftOut,
) -> Result<Vec<Unit>, Failure> {
    let scores: Vec<Score> = cx.rows("scores")?;
    if scores.iter().all(|score| score.agrees.is_none()) {
        return Err(Failure::input("no candidate of `scores` says whether its answer is right")
            .hint("give answers to `cross-score`"));
    }
    let mut units = Vec::new();
    for own in groups(&scores, spec, left_out)? {
        let pairs = ordered(&candidates(&own));
        if pairs.is_empty() {
            left_out.add("questions have no right answer above another one in their language", 1);
        }
        units.extend(pairs.into_iter().map(|(better, worse)| pair(own[better], own[worse])));
    }
    Ok(units)
}

/// The candidates of each question and language that pairs are wanted in.
fn groups<'s>(
    scores: &'s [Score],
    spec: &PairsSpec,
    left_out: &mut LeftOut,
) -> Result<Vec<Vec<&'s Score>>, Failure> {
    let mut groups: IndexMap<(&str, &str), Vec<&Score>> = IndexMap::new();
    for score in scores {
        if !score.score.is_finite() {
            return Err(Failure::input(format!(
                "sample {} of question `{}` in `{}` has no score: {}",
                score.sample, score.id, score.lang, score.score
            )));
        }
        groups.entry((&score.id, &score.lang)).or_default().push(score);
    }
    let source = spec.source_language.as_str();
    let before = groups.len();
    groups.retain(|(_, lang), _| spec.include_source == Some(true) || *lang != source);
    left_out.add(format!("questions in `{source}`, which others are compared with"), before - groups.len());
    groups.retain(|(_, lang), _| spec.wants(lang));
    Ok(groups.into_values().collect())
}

fn candidates<'s>(scores: &[&'s Score]) -> Vec<Candidate<'s>> {
    let of =
        |score: &&'s Score| Candidate { text: &score.completion, score: score.score, agrees: score.agrees };
    scores.iter().map(of).collect()
}

fn pair(chosen: &Score, rejected: &Score) -> Unit {
    vec![Pair {
        id: format!("{}/{}/{}-{}", chosen.id, chosen.lang, chosen.sample, rejected.sample),
        lang: chosen.lang.clone(),
        prompt: chosen.prompt.clone(),
        chosen: chosen.completion.clone(),
        rejected: rejected.completion.clone(),
        question: chosen.id.clone(),
        task: chosen.task.clone(),
        margin: Some(chosen.score - rejected.score),
        ..Pair::default()
    }]
}

fn why(reason: NoPair) -> &'static str {
    match reason {
        NoPair::TooFew => "questions have fewer than two candidates with a text in their language",
        NoPair::Same => "questions have candidates of one score in their language",
        NoPair::SameText => "questions have one text as best and worst in their language",
        NoPair::OnlyAgreeing => "questions have agreeing answers only in their language",
        NoPair::OnlyDisagreeing => "questions have no agreeing answer in their language",
    }
}
