//! Pools the answers of all languages into one majority (CALM, methods 1.6).
//!
//! Every sample has one vote. The pool is the concatenation of the languages' samples in the order given, and that
//! order decides ties (the answer first seen wins) and the example (the last agreeing sample): both as in the published
//! code, and both visible in the numbers (methods 1.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    artifact::row::vote::{Ballot, Vote},
    random::Draws,
};

/// What becomes of a question whose best answers have equally many votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VoteTies")]
pub enum Ties {
    /// The answer that was seen first in the pool wins.
    #[default]
    FirstSeen,
    /// The question is dropped.
    Drop,
    /// The answer that comes first in the order of its characters wins, whatever the order of languages.
    Lexical,
}

/// Which sample stands for the winning answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VotePick")]
pub enum Pick {
    /// The last one of the pool that agrees.
    #[default]
    LastAgreeing,
    /// The first one of the pool that agrees.
    FirstAgreeing,
    /// A random one of those that agree, drawn by the question's id.
    Random,
}

/// How to vote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What a tie means.
    pub ties: Ties,
    /// Which sample is the example.
    pub pick: Pick,
    /// The languages whose samples may be the example; empty for all that vote.
    pub example_languages: Vec<String>,
    /// Votes a winner needs.
    pub min_votes: usize,
    /// Seed of a random pick.
    pub seed: u64,
}

/// Why a question has no vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoVote {
    /// No sample could be read.
    NothingReadable,
    /// Two answers have equally many votes, and ties are dropped.
    Tied,
    /// The winner has fewer votes than asked for.
    TooFew,
    /// No sample that may be the example gives the winning answer.
    NoExample,
    /// The right answer is unknown.
    RightAnswerUnknown,
}

/// The majority of `pool`, which lists the readable samples in pool order.
pub fn majority(id: &str, pool: Vec<Ballot>, policy: &Policy) -> Result<Vote, NoVote> {
    let counts = tally(&pool);
    let best = counts.iter().map(|(_, votes)| *votes).max().ok_or(NoVote::NothingReadable)?;
    let tied = counts.iter().filter(|(_, votes)| *votes == best).count() > 1;
    if tied && policy.ties == Ties::Drop {
        return Err(NoVote::Tied);
    }
    if best < policy.min_votes {
        return Err(NoVote::TooFew);
    }
    let mut best = counts.iter().filter(|(_, votes)| *votes == best).map(|(answer, _)| answer);
    let winner = match policy.ties {
        Ties::Lexical => best.min(),
        Ties::FirstSeen | Ties::Drop => best.next(),
    };
    let winner = winner.ok_or(NoVote::NothingReadable)?.clone();
    outcome(id, pool, Election { counts, answer: winner, tied }, policy)
}

/// The vote whose winner is the right answer, whatever the samples say (methods 1.9); they only give the example.
pub fn gold(id: &str, pool: Vec<Ballot>, right: &str, policy: &Policy) -> Result<Vote, NoVote> {
    let counts = tally(&pool);
    outcome(id, pool, Election { counts, answer: right.to_owned(), tied: false }, policy)
}

/// Votes per answer, in the order the answers were first seen.
fn tally(pool: &[Ballot]) -> Vec<(String, usize)> {
    let mut counts: indexmap::IndexMap<&str, usize> = indexmap::IndexMap::new();
    for ballot in pool {
        *counts.entry(&ballot.answer).or_default() += 1;
    }
    counts.into_iter().map(|(answer, votes)| (answer.to_owned(), votes)).collect()
}

/// Who won.
struct Election {
    counts: Vec<(String, usize)>,
    answer: String,
    tied: bool,
}

fn outcome(id: &str, pool: Vec<Ballot>, election: Election, policy: &Policy) -> Result<Vote, NoVote> {
    let Election { counts, answer, tied } = election;
    let may = |ballot: &&Ballot| {
        policy.example_languages.is_empty() || policy.example_languages.contains(&ballot.lang)
    };
    let agreeing: Vec<&Ballot> = pool.iter().filter(|ballot| ballot.answer == answer).filter(may).collect();
    let example = match policy.pick {
        Pick::LastAgreeing => agreeing.last(),
        Pick::FirstAgreeing => agreeing.first(),
        Pick::Random if agreeing.is_empty() => None,
        Pick::Random => agreeing.get(Draws::new(policy.seed, id, 0).below(agreeing.len())),
    };
    let example: Ballot = (*example.ok_or(NoVote::NoExample)?).clone();
    Ok(Vote {
        id: id.to_owned(),
        count: counts.iter().find(|(counted, _)| *counted == answer).map_or(0, |(_, votes)| *votes),
        answer,
        total: pool.len(),
        tied,
        correct: None,
        counts,
        example_lang: example.lang,
        example_sample: example.sample,
        example: example.completion,
        ballots: pool,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `"fr:B en:A"`: samples in pool order, the text being language and answer.
    fn pool(text: &str) -> Vec<Ballot> {
        let ballot = |(sample, word): (usize, &str)| {
            let (lang, answer) = word.split_once(':').unwrap();
            Ballot { lang: lang.into(), sample, answer: answer.into(), completion: word.into() }
        };
        text.split_whitespace().enumerate().map(ballot).collect()
    }

    #[test]
    fn the_most_frequent_answer_wins_and_the_last_that_agrees_is_the_example() {
        let vote = majority("q", pool("ja:B zh:A fr:A de:C en:A en:B"), &Policy::default()).unwrap();
        assert_eq!((vote.answer.as_str(), vote.count, vote.total, vote.tied), ("A", 3, 6, false));
        assert_eq!((vote.example.as_str(), vote.example_sample), ("en:A", 4));
        assert_eq!(vote.counts, [("B".to_owned(), 2), ("A".to_owned(), 3), ("C".to_owned(), 1)]);
        let first = Policy { pick: Pick::FirstAgreeing, ..Policy::default() };
        assert_eq!(majority("q", pool("ja:B zh:A fr:A"), &first).unwrap().example, "zh:A");
    }

    #[test]
    fn ties_go_to_the_answer_first_seen_or_drop_the_question() {
        let tied = pool("fr:B en:A en:B fr:A");
        let vote = majority("q", tied.clone(), &Policy::default()).unwrap();
        assert_eq!((vote.answer.as_str(), vote.tied), ("B", true));
        let drop = Policy { ties: Ties::Drop, ..Policy::default() };
        assert_eq!(majority("q", tied.clone(), &drop), Err(NoVote::Tied));
        let lexical = Policy { ties: Ties::Lexical, ..Policy::default() };
        assert_eq!(majority("q", tied, &lexical).unwrap().answer, "A");
    }

    #[test]
    fn an_empty_pool_has_no_winner_and_few_votes_may_not_be_enough() {
        assert_eq!(majority("q", Vec::new(), &Policy::default()), Err(NoVote::NothingReadable));
        let three = Policy { min_votes: 3, ..Policy::default() };
        assert_eq!(majority("q", pool("en:A en:A en:B"), &three), Err(NoVote::TooFew));
    }

    #[test]
    fn gold_overrules_the_samples_but_needs_one_that_says_it() {
        let english = Policy {
            pick: Pick::FirstAgreeing,
            example_languages: vec!["en".to_owned()],
            ..Policy::default()
        };
        let vote = gold("q", pool("fr:B en:A en:B en:A en:B"), "B", &english).unwrap();
        assert_eq!((vote.answer.as_str(), vote.count, vote.example_sample), ("B", 3, 2));
        assert_eq!(gold("q", pool("en:A fr:B"), "B", &english), Err(NoVote::NoExample));
    }

    #[test]
    fn a_random_pick_is_one_of_those_that_agree_and_stays_the_same() {
        let pick = |id: &str| {
            let random = Policy { pick: Pick::Random, seed: 3, ..Policy::default() };
            majority(id, pool("en:A en:B en:A en:A"), &random).unwrap().example_sample
        };
        let picked: std::collections::BTreeSet<usize> = (0..40).map(|id| pick(&id.to_string())).collect();
        assert_eq!(picked.into_iter().collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(pick("q"), pick("q"));
    }

    proptest! {
        #[test]
        fn the_winner_has_most_votes_and_no_earlier_answer_as_many(answers in "[A-D]{1,20}") {
            let words: Vec<String> = answers.chars().map(|answer| format!("en:{answer}")).collect();
            let vote = majority("q", pool(&words.join(" ")), &Policy::default()).unwrap();
            let votes = |answer: char| answers.chars().filter(|c| *c == answer).count();
            let winner = vote.answer.chars().next().unwrap();
            prop_assert!(answers.chars().all(|other| votes(other) <= votes(winner)));
            let before = answers.split(winner).next().unwrap();
            prop_assert!(before.chars().all(|earlier| votes(earlier) < votes(winner)));
            prop_assert_eq!(vote.counts.iter().map(|(_, n)| n).sum::<usize>(), answers.len());
        }
    }
}
