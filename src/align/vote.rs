//! Pools the answers of all languages into one majority (CALM, methods 1.6).
//!
//! Every sample has one vote. The pool is the concatenation of the languages' samples in the order given, and that
//! order decides ties (the answer first seen wins) and the example (the last agreeing sample): both as in the published
//! code, and both visible in the numbers (methods 1.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::row::vote::{Ballot, Vote};

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
}

/// How to vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What a tie means.
    pub ties: Ties,
    /// Which sample is the example.
    pub pick: Pick,
    /// Votes a winner needs.
    pub min_votes: usize,
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
    /// No sample gives the right answer, so there is no example of it.
    RightAnswerUnsaid,
    /// The right answer is unknown.
    RightAnswerUnknown,
}

/// The majority of `pool`, which lists the readable samples in pool order.
pub fn majority(id: &str, pool: Vec<Ballot>, policy: Policy) -> Result<Vote, NoVote> {
    let counts = tally(&pool);
    let best = counts.iter().map(|(_, votes)| *votes).max().ok_or(NoVote::NothingReadable)?;
    let tied = counts.iter().filter(|(_, votes)| *votes == best).count() > 1;
    if tied && policy.ties == Ties::Drop {
        return Err(NoVote::Tied);
    }
    if best < policy.min_votes {
        return Err(NoVote::TooFew);
    }
    let winner = counts.iter().find(|(_, votes)| *votes == best).map(|(answer, _)| answer.clone());
    outcome(id, pool, counts, winner.ok_or(NoVote::NothingReadable)?, tied, policy.pick)
}

/// The vote whose winner is the right answer, whatever the samples say (methods 1.9); they only give the example.
pub fn gold(id: &str, pool: Vec<Ballot>, right: &str, pick: Pick) -> Result<Vote, NoVote> {
    let counts = tally(&pool);
    outcome(id, pool, counts, right.to_owned(), false, pick)
}

/// Votes per answer, in the order the answers were first seen.
fn tally(pool: &[Ballot]) -> Vec<(String, usize)> {
    let mut counts: indexmap::IndexMap<&str, usize> = indexmap::IndexMap::new();
    for ballot in pool {
        *counts.entry(&ballot.answer).or_default() += 1;
    }
    counts.into_iter().map(|(answer, votes)| (answer.to_owned(), votes)).collect()
}

fn outcome(
    id: &str,
    pool: Vec<Ballot>,
    counts: Vec<(String, usize)>,
    answer: String,
    tied: bool,
    pick: Pick,
) -> Result<Vote, NoVote> {
    let mut agreeing = pool.iter().filter(|ballot| ballot.answer == answer);
    let example = match pick {
        Pick::LastAgreeing => agreeing.next_back(),
        Pick::FirstAgreeing => agreeing.next(),
    };
    let example = example.ok_or(NoVote::RightAnswerUnsaid)?.clone();
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
        let vote = majority("q", pool("ja:B zh:A fr:A de:C en:A en:B"), Policy::default()).unwrap();
        assert_eq!((vote.answer.as_str(), vote.count, vote.total, vote.tied), ("A", 3, 6, false));
        assert_eq!((vote.example.as_str(), vote.example_sample), ("en:A", 4));
        assert_eq!(vote.counts, [("B".to_owned(), 2), ("A".to_owned(), 3), ("C".to_owned(), 1)]);
        let first = Policy { pick: Pick::FirstAgreeing, ..Policy::default() };
        assert_eq!(majority("q", pool("ja:B zh:A fr:A"), first).unwrap().example, "zh:A");
    }

    #[test]
    fn ties_go_to_the_answer_first_seen_or_drop_the_question() {
        let tied = pool("fr:B en:A en:B fr:A");
        let vote = majority("q", tied.clone(), Policy::default()).unwrap();
        assert_eq!((vote.answer.as_str(), vote.tied), ("B", true));
        let drop = Policy { ties: Ties::Drop, ..Policy::default() };
        assert_eq!(majority("q", tied, drop), Err(NoVote::Tied));
    }

    #[test]
    fn an_empty_pool_has_no_winner_and_few_votes_may_not_be_enough() {
        assert_eq!(majority("q", Vec::new(), Policy::default()), Err(NoVote::NothingReadable));
        let three = Policy { min_votes: 3, ..Policy::default() };
        assert_eq!(majority("q", pool("en:A en:A en:B"), three), Err(NoVote::TooFew));
    }

    #[test]
    fn gold_overrules_the_samples_but_needs_one_that_says_it() {
        let vote = gold("q", pool("en:A en:B en:A en:B"), "B", Pick::FirstAgreeing).unwrap();
        assert_eq!((vote.answer.as_str(), vote.count, vote.example_sample), ("B", 2, 1));
        assert_eq!(gold("q", pool("en:A"), "B", Pick::default()), Err(NoVote::RightAnswerUnsaid));
    }

    proptest! {
        #[test]
        fn the_winner_has_most_votes_and_no_earlier_answer_as_many(answers in "[A-D]{1,20}") {
            let words: Vec<String> = answers.chars().map(|answer| format!("en:{answer}")).collect();
            let vote = majority("q", pool(&words.join(" ")), Policy::default()).unwrap();
            let votes = |answer: char| answers.chars().filter(|c| *c == answer).count();
            let winner = vote.answer.chars().next().unwrap();
            prop_assert!(answers.chars().all(|other| votes(other) <= votes(winner)));
            let before = answers.split(winner).next().unwrap();
            prop_assert!(before.chars().all(|earlier| votes(earlier) < votes(winner)));
            prop_assert_eq!(vote.counts.iter().map(|(_, n)| n).sum::<usize>(), answers.len());
        }
    }
}
