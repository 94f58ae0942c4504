//! Preference pairs. Here: the minority of a vote against the majority (CALM, methods 1.7), one pair for each sample that
//! disagrees with the winner, in that sample's language. [`candidates`]: out of a question's own candidates. [`parallel`]: the same
//! random preference in several languages. [`extremes`]: out of scored samples. [`select`](mod@select): which of them are kept.

use super::answer::EntityNames;
use crate::artifact::row::{pair::Pair, question::Question, vote::Vote};

pub mod candidates;
pub mod extremes;
pub mod parallel;
pub mod select;

/// How the chosen side of a pair is written.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'a> {
    /// The text of the winning choice in the loser's language.
    Choice {
        /// Names of entities that other questions offer: the winner may be one of those.
        names: &'a EntityNames,
    },
    /// A labelled answer: optional explanation, then letter and option text.
    Letter {
        /// Stands before the explanation in the loser's language.
        explanation_label: &'a str,
        /// Stands before the answer in the loser's language.
        answer_label: &'a str,
        /// The winner's explanation in the loser's language, without label.
        explanation: Option<&'a str>,
        /// Stands between the answer label and the letter. Nothing in CALM's data.
        spacing: &'a str,
    },
}

/// The text of the chosen side for `question`, or `None` if the winner has no wording in its language.
pub fn chosen(answer: &str, question: &Question, style: Chosen<'_>) -> Option<String> {
    match style {
        Chosen::Choice { names } => {
            let listed = question.choice_ids.iter().position(|id| id == answer);
            let position = if question.choice_ids.is_empty() { unnamed(answer) } else { listed };
            let text = position.and_then(|position| question.choices.get(position)).map(String::as_str);
            text.or_else(|| names.text(&question.lang, &question.group, answer)).map(str::to_owned)
        }
        Chosen::Letter { explanation_label, answer_label, explanation, spacing } => {
            let in_text = options_in_text(&question.question);
            let options = if question.choices.is_empty() { &in_text } else { &question.choices };
            let option = options.get(option_of(answer, options.len()))?.trim();
            let explained =
                explanation.map(|text| format!("{explanation_label} {text}\n")).unwrap_or_default();
            Some(format!("{explained}{answer_label}{spacing}{answer}. {option}"))
        }
    }
}

/// The position of a choice without a name of its own: answers call it by position or letter.
pub fn unnamed(answer: &str) -> Option<usize> {
    answer.parse().ok().or_else(|| ('A'..='Z').position(|letter| answer.chars().eq([letter])))
}

/// The position of the option that a letter names. The published code maps every letter that is not an earlier option
/// to the last one, which also covers the junk letters its parser lets through.
fn option_of(letter: &str, options: usize) -> usize {
    let position = ('A'..='Z').position(|known| letter.chars().eq([known]));
    let last = options.saturating_sub(1);
    position.map_or(last, |position| position.min(last))
}

/// The options that are written into a question as `A. ... E. ...` (methods 1.7, step 3); empty if a marker is missing.
///
/// Each marker is looked for at the start of a line first: an option may itself contain `B. `.
pub fn options_in_text(text: &str) -> Vec<String> {
    let mut rest = text;
    let mut options: Vec<String> = Vec::new();
    for (index, letter) in ('A'..='E').enumerate() {
        let marker = format!("{letter}. ");
        let found = rest.split_once(&format!("\n{marker}")).or_else(|| rest.split_once(&marker));
        let Some((before, after)) = found else { return Vec::new() };
        if index > 0 {
            options.push(before.trim().to_owned());
        }
        rest = after;
    }
    options.push(rest.lines().next().unwrap_or_default().trim().to_owned());
    options
}

/// The pairs of one vote against the samples of one language: `question` is the question in that language.
/// Every disagreeing sample makes one pair; the rejected side is the sample, untouched. The margin is by how much the winner's
/// share of the votes is larger than that of the sample's answer; below 0 where a right answer overruled the samples.
pub fn pairs(vote: &Vote, question: &Question, chosen: &str) -> Vec<Pair> {
    let losers =
        vote.ballots.iter().filter(|ballot| ballot.lang == question.lang && ballot.answer != vote.answer);
    let votes_of = |answer: &str| {
        vote.counts.iter().find(|(counted, _)| counted == answer).map_or(0, |(_, votes)| *votes)
    };
    let share = |votes: usize| votes as f64 / vote.total.max(1) as f64;
    losers
        .map(|ballot| Pair {
            id: format!("{}/{}/{}", vote.id, ballot.lang, ballot.sample),
            lang: ballot.lang.clone(),
            prompt: question.question.clone(),
            chosen: chosen.to_owned(),
            rejected: ballot.completion.clone(),
            question: vote.id.clone(),
            margin: Some(share(vote.count) - share(votes_of(&ballot.answer))),
            ..Pair::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        align::vote::{Policy, majority},
        artifact::row::vote::Ballot,
    };

    fn question(lang: &str, text: &str, choices: &[&str], ids: &[&str]) -> Question {
        Question {
            id: "q".into(),
            lang: lang.into(),
            question: text.into(),
            choices: choices.iter().map(ToString::to_string).collect(),
            answer: Some(0),
            choice_ids: ids.iter().map(ToString::to_string).collect(),
            split: String::new(),
            group: "capital".into(),
        }
    }

    fn ballot(lang: &str, sample: usize, answer: &str) -> Ballot {
        Ballot { lang: lang.into(), sample, answer: answer.into(), completion: format!(" {answer}!") }
    }

    #[test]
    fn each_disagreeing_sample_makes_a_pair_in_its_own_language() {
        let ballots = vec![
            ballot("en", 0, "paris"),
            ballot("en", 1, "paris"),
            ballot("fr", 0, "rome"),
            ballot("fr", 1, "rome"),
            ballot("fr", 2, "paris"),
        ];
        let vote = majority("q", ballots, &Policy::default()).unwrap();
        let french = question("fr", "La capitale est", &[" Paris", " Rome"], &["paris", "rome"]);
        let names = EntityNames::of(std::slice::from_ref(&french));
        let chosen = chosen(&vote.answer, &french, Chosen::Choice { names: &names }).unwrap();
        let pairs = pairs(&vote, &french, &chosen);
        assert_eq!(pairs.iter().map(|pair| pair.id.as_str()).collect::<Vec<_>>(), ["q/fr/0", "q/fr/1"]);
        assert_eq!((pairs[0].chosen.as_str(), pairs[0].rejected.as_str()), (" Paris", " rome!"));
        assert_eq!(pairs[0].prompt, "La capitale est");
        // 3 of 5 votes against 2 of 5.
        assert!((pairs[0].margin.unwrap() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_winner_that_is_no_choice_of_the_question_is_found_among_the_known_names() {
        let asked = question("fr", "?", &[" Rome"], &["rome"]);
        let names = EntityNames::of(&[question("fr", "?", &[" Berne"], &["bern"])]);
        assert_eq!(chosen("bern", &asked, Chosen::Choice { names: &names }).unwrap(), " Berne");
        assert_eq!(chosen("oslo", &asked, Chosen::Choice { names: &names }), None);
        let unnamed = question("fr", "?", &[" Rome", " Oslo"], &[]);
        assert_eq!(chosen("1", &unnamed, Chosen::Choice { names: &names }).unwrap(), " Oslo");
    }

    #[test]
    fn a_letter_is_written_with_its_label_and_option_text() {
        let text = "Wo?\nA. Stadt\nB. an B. oder so\nC. Krankenhaus\nD. Schulen\nE. Bürogebäude\nAntwort:";
        let asked = question("de", text, &[], &[]);
        let style = |explanation| Chosen::Letter {
            explanation_label: "Erklärung:",
            answer_label: "Antwort:",
            explanation,
            spacing: "",
        };
        assert_eq!(chosen("D", &asked, style(None)).unwrap(), "Antwort:D. Schulen");
        assert_eq!(
            chosen("E", &asked, style(Some("Weil."))).unwrap(),
            "Erklärung: Weil.\nAntwort:E. Bürogebäude"
        );
        assert_eq!(chosen("X", &asked, style(None)).unwrap(), "Antwort:X. Bürogebäude");
        assert_eq!(options_in_text(text)[1], "an B. oder so");
        assert!(options_in_text("A. x B. y").is_empty());
        assert_eq!(chosen("A", &question("de", "no options", &[], &[]), style(None)), None);
    }
}
