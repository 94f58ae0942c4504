//! `vote`: reads an answer out of every sample and takes the majority over all languages (CALM, methods 1.5, 1.6).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Answers, Parse};
use crate::{
    align::vote::{self, NoVote, Pick, Policy, Ties},
    artifact::row::{
        Row,
        completion::Completion,
        question::Question,
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

/// Settings of `vote`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteSpec {
    /// The questions that were asked.
    #[serde(skip_serializing)]
    pub questions: Reference,
    /// The sampled answers.
    #[serde(skip_serializing)]
    pub completions: Reference,
    /// The languages that vote, in pool order: ties go to the answer first seen, and the example is the last that
    /// agrees. Samples of other languages are left out.
    pub languages: Vec<LangCode>,
    /// How an answer is read out of a sample.
    #[serde(default)]
    pub parse: Parse,
    /// For `letter`: refuse a single character that is not A to E. The published code accepts it.
    #[serde(default = "yes")]
    pub require_valid_letter: bool,
    /// What a tie means.
    #[serde(default)]
    pub ties: Ties,
    /// Which sample stands for the winning answer.
    #[serde(default)]
    pub pick: Pick,
    /// Votes a winner needs.
    #[serde(default = "one")]
    pub min_votes: usize,
    /// Where the winning answer comes from.
    #[serde(default)]
    pub source: Source,
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
        Ports::default()
            .reads("questions", &spec.questions, Question::KIND)
            .reads("completions", &spec.completions, Completion::KIND)
            .writes("votes", Vote::KIND)
    }

    fn check(spec: &VoteSpec) -> Vec<Problem> {
        let mut problems = super::reading::check_languages(&spec.languages);
        if spec.min_votes == 0 {
            problems.push(Problem::new("min_votes", "must be at least 1: 0", "1 accepts every winner"));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &VoteSpec) -> Result<(), Failure> {
        let questions: Vec<Question> = cx.rows("questions")?;
        let completions: Vec<Completion> = cx.rows("completions")?;
        let answers = Answers::new(&questions, spec.parse, spec.require_valid_letter, &spec.languages)?;
        let mut pools = Pools::collect(&answers, &completions, &spec.languages)?;
        let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
        let mut writer = cx.write_rows::<Vote>("votes")?;
        for id in answers.ids() {
            let Some(pool) = pools.of_question.swap_remove(id) else { continue };
            let right = answers.right(id);
            let outcome = match (spec.source, right) {
                (Source::Majority, _) => {
                    let policy = Policy { ties: spec.ties, pick: spec.pick, min_votes: spec.min_votes };
                    vote::majority(id, pool, policy)
                }
                (Source::Gold, Some(right)) => vote::gold(id, pool, right, spec.pick),
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

/// The readable samples of each question, in pool order.
struct Pools {
    of_question: IndexMap<String, Vec<Ballot>>,
    samples: usize,
    unreadable: usize,
}

impl Pools {
    fn collect(
        answers: &Answers<'_>,
        completions: &[Completion],
        languages: &[LangCode],
    ) -> Result<Self, Failure> {
        let mut pools = Self { of_question: IndexMap::new(), samples: 0, unreadable: 0 };
        for lang in languages {
            let mut own: Vec<&Completion> =
                completions.iter().filter(|completion| completion.lang == lang.as_str()).collect();
            own.sort_by_key(|completion| completion.sample);
            for completion in own {
                pools.samples += 1;
                let pool = pools.of_question.entry(completion.id.clone()).or_default();
                match answers.read(completion)? {
                    Some(answer) => pool.push(Ballot {
                        lang: completion.lang.clone(),
                        sample: completion.sample,
                        answer,
                        completion: completion.completion.clone(),
                    }),
                    None => pools.unreadable += 1,
                }
            }
        }
        Ok(pools)
    }
}

fn why(reason: NoVote) -> &'static str {
    match reason {
        NoVote::NothingReadable => "without a readable sample",
        NoVote::Tied => "tied",
        NoVote::TooFew => "with too few votes",
        NoVote::RightAnswerUnsaid => "where no sample gives the right answer",
        NoVote::RightAnswerUnknown => "whose right answer is unknown",
    }
}

fn report(
    cx: &Context<'_>,
    pools: &Pools,
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
