//! `vote`: reads an answer out of every sample and takes the majority over all languages (CALM, methods 1.5, 1.6).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Answers, Parse, Reading, code_of};
use crate::{
    align::vote::{self, NoVote, Pick, Policy, Ties},
    artifact::row::{
        Row,
        answer::Answer,
        completion::Completion,
        question::Question,
        ranking::Ranking,
        vote::{Ballot, Vote},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::{Ports, Reference},
    },
    task::language::LangCode,
};

/// The kind.
pub enum VoteKind {}

/// Where the winning answer comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VoteSource")]
pub enum Source {
    /// The most frequent answer of all samples.
    #[default]
    Majority,
    /// The right answer, for comparison (methods 1.9).
    Gold,
}

/// Settings of `vote`. It reads `answers`; or `completions` with their `questions`, in the usual way; or `rankings` with their
/// `questions`, where each language votes for its best candidate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteSpec {
    /// The answers that `parse` has read.
    #[serde(default, skip_serializing)]
    pub answers: Option<Reference>,
    /// The questions that were asked; not with `answers`.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// Sampled answers, to be read by `parse` and `require_valid_letter`.
    #[serde(default, skip_serializing)]
    pub completions: Option<Reference>,
    /// How a model ranks the candidates: each language votes for the first (DCO's CALM baseline, methods 3.10).
    #[serde(default, skip_serializing)]
    pub rankings: Option<Reference>,
    /// The languages that vote, in pool order: ties go to the answer first seen, and the example is the last that
    /// agrees. Samples of other languages are left out.
    pub languages: Vec<LangCode>,
    /// For `completions`: how an answer is read out of a sample. The kind `parse` has more to choose.
    #[serde(default)]
    pub parse: Parse,
    /// For `completions` read by `letter`: refuse a single character that is not A to E. The published code accepts it.
    #[serde(default = "yes")]
    pub require_valid_letter: bool,
    /// What a tie means.
    #[serde(default)]
    pub ties: Ties,
    /// Which sample stands for the winning answer.
    #[serde(default)]
    pub pick: Pick,
    /// The languages whose samples may stand for the winning answer; empty for all that vote. CALM's ground-truth pairs have
    /// English alone (methods 1.9).
    #[serde(default)]
    pub example_languages: Vec<LangCode>,
    /// Votes a winner needs.
    #[serde(default = "one")]
    pub min_votes: usize,
    /// Where the winning answer comes from.
    #[serde(default)]
    pub source: Source,
    /// For `pick = "random"`: seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

impl Kind for VoteKind {
    const NAME: &'static str = "vote";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "the majority answer over all languages (CALM)";
    type Spec = VoteSpec;

    fn ports(spec: &VoteSpec) -> Ports {
        let mut ports = Ports::default();
        let inputs = [
            ("answers", &spec.answers, Answer::KIND),
            ("questions", &spec.questions, Question::KIND),
            ("completions", &spec.completions, Completion::KIND),
            ("rankings", &spec.rankings, Ranking::KIND),
        ];
        for (field, reference, kind) in inputs {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        ports.writes("votes", Vote::KIND)
    }

    fn check(spec: &VoteSpec) -> Vec<Problem> {
        let mut problems = super::reading::check_languages(&spec.languages);
        if spec.min_votes == 0 {
            problems.push(Problem::new("min_votes", "must be at least 1: 0", "1 accepts every winner"));
        }
        for lang in spec.example_languages.iter().filter(|lang| !spec.languages.contains(lang)) {
            let message = format!("`{lang}` does not vote");
            problems.push(Problem::new("example_languages", message, "they are among `languages`"));
        }
        let given = [&spec.answers, &spec.completions, &spec.rankings].map(Option::is_some);
        let hint = "give `answers`; or `questions` with `completions` or with `rankings`";
        match (given, spec.questions.is_some()) {
            ([true, false, false], false) | ([false, true, false] | [false, false, true], true) => {}
            ([true, false, false], true) => {
                problems.push(Problem::new("questions", "answers need no questions", hint));
            }
            ([false, false, false], _) => {
                problems.push(Problem::new("answers", "there is nothing to vote on", hint));
            }
            ([false, ..], false) => problems.push(Problem::new("questions", "they are missing", hint)),
            _ => problems.push(Problem::new("answers", "there are several things to vote on", hint)),
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &VoteSpec) -> Result<(), Failure> {
        let answers = answers(cx, spec)?;
        let mut right: BTreeMap<&str, &str> = BTreeMap::new();
        for answer in &answers {
            right.extend(answer.right.as_ref().map(|right| (answer.id.as_str(), right.as_str())));
        }
        let mut pools = Pools::collect(&answers, &spec.languages);
        let policy = Policy {
            ties: spec.ties,
            pick: spec.pick,
            example_languages: spec.example_languages.iter().map(ToString::to_string).collect(),
            min_votes: spec.min_votes,
            seed: spec.seed,
        };
        let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
        let mut writer = cx.write_rows::<Vote>("votes")?;
        for (id, pool) in std::mem::take(&mut pools.of_question) {
            let right = right.get(id).copied();
            let outcome = match (spec.source, right) {
                (Source::Majority, _) => vote::majority(id, pool, &policy),
                (Source::Gold, Some(right)) => vote::gold(id, pool, right, &policy),
                (Source::Gold, None) => Err(NoVote::RightAnswerUnknown),
            };
            match outcome {
                Ok(mut vote) => {
                    vote.correct = right.map(|right| right == vote.answer);
                    writer.write(&vote)?;
                }
                Err(reason) => *failed.entry(why(reason)).or_default() += 1,
            }
        }
        let voted = writer.finish()?;
        report(cx, &pools, voted, &failed)
    }
}

/// What is voted on, whatever it is read from, in the order of the questions.
fn answers(cx: &Context<'_>, spec: &VoteSpec) -> Result<Vec<Answer>, Failure> {
    if cx.has("answers") {
        return cx.rows("answers");
    }
    let questions: Vec<Question> = cx.rows("questions")?;
    let reading = Reading::usual(spec.parse, spec.require_valid_letter);
    if cx.has("completions") {
        let answers = Answers::new(&questions, reading, &spec.languages)?;
        let mut rows = answers.all(&cx.rows::<Completion>("completions")?)?;
        let places: BTreeMap<&str, usize> = answers.ids().zip(0..).collect();
        rows.sort_by_key(|row| places.get(row.id.as_str()).copied());
        return Ok(rows);
    }
    let answers = Answers::new(&questions, Reading::default(), &spec.languages)?;
    let of_ranking = |ranking: Ranking| {
        let Ranking { id, lang, .. } = &ranking;
        let question = answers.question(id, lang);
        let best = ranking.ranking.first().copied();
        let chosen = question.zip(best).and_then(|(question, best)| {
            Some((question, code_of(question, best, Parse::Choice)?, question.choices.get(best)?))
        });
        let (question, answer, choice) = chosen.ok_or_else(|| {
            Failure::input(format!("question `{id}` is ranked in `{lang}`, but has no such candidate there"))
                .hint("give the questions whose candidates were ranked")
        })?;
        Ok(Answer {
            right: answers.right(id).map(str::to_owned),
            answer: Some(answer),
            prompt: question.question.clone(),
            completion: choice.clone(),
            id: ranking.id,
            lang: ranking.lang,
            ..Answer::default()
        })
    };
    cx.rows::<Ranking>("rankings")?.into_iter().map(of_ranking).collect()
}

/// The readable samples of each question, in pool order.
struct Pools<'a> {
    of_question: IndexMap<&'a str, Vec<Ballot>>,
    samples: usize,
    unreadable: usize,
}

impl<'a> Pools<'a> {
    fn collect(answers: &'a [Answer], languages: &[LangCode]) -> Self {
        let mut pools = Self { of_question: IndexMap::new(), samples: 0, unreadable: 0 };
        let votes = |answer: &&Answer| languages.iter().any(|lang| lang.as_str() == answer.lang);
        for answer in answers.iter().filter(votes) {
            pools.of_question.entry(&answer.id).or_default();
        }
        for lang in languages {
            let mut own: Vec<&Answer> =
                answers.iter().filter(|answer| answer.lang == lang.as_str()).collect();
            own.sort_by_key(|answer| answer.sample);
            for answer in own {
                pools.samples += 1;
                let pool = pools.of_question.entry(&answer.id).or_default();
                match &answer.answer {
                    Some(said) => pool.push(Ballot {
                        lang: answer.lang.clone(),
                        sample: answer.sample,
                        answer: said.clone(),
                        completion: answer.completion.clone(),
                    }),
                    None => pools.unreadable += 1,
                }
            }
        }
        pools
    }
}

fn why(reason: NoVote) -> &'static str {
    match reason {
        NoVote::NothingReadable => "without a readable sample",
        NoVote::Tied => "tied",
        NoVote::TooFew => "with too few votes",
        NoVote::NoExample => "where no sample that may be the example gives the winning answer",
        NoVote::RightAnswerUnknown => "whose right answer is unknown",
    }
}

fn report(
    cx: &Context<'_>,
    pools: &Pools<'_>,
    voted: usize,
    failed: &BTreeMap<&str, usize>,
) -> Result<(), Failure> {
    let dropped: Vec<String> = failed.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let dropped = dropped.join(", ");
    let Pools { samples, unreadable, .. } = pools;
    if voted > 0 {
        let dropped = if dropped.is_empty() { dropped } else { format!("; dropped {dropped}") };
        cx.observer.note(&format!(
            "{voted} questions have a winner; {unreadable} of {samples} samples unreadable{dropped}"
        ));
        return Ok(());
    }
    if *samples == 0 {
        return Err(Failure::input("there is no sample in the languages that vote")
            .hint("`languages` lists the codes that the samples carry in `lang`"));
    }
    let hint = if unreadable == samples {
        "no sample could be parsed: look at `completions` and at the setting `parse`"
    } else {
        "`ties = \"first-seen\"` and a smaller `min_votes` keep more questions"
    };
    Err(Failure::input(format!(
        "no question has a winner: {dropped} ({unreadable} of {samples} samples unreadable)"
    ))
    .hint(hint))
}
