//! CALM's released preference pairs come out of its released samples: the same winners, the same rejected texts.
//!
//! The excerpt holds 60 questions with 3 samples in 6 languages, and the pairs that were built from them (methods
//! 1.5-1.7). Explanations were machine-translated, so of the chosen side only the answer line is compared.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use chorale::{
    align::{
        answer::letter::{Letters, letter},
        pair::{self, Chosen, options_in_text},
        vote::{Policy, majority},
    },
    artifact::row::{
        question::Question,
        vote::{Ballot, Vote},
    },
    task::label::labels,
};
use serde::Deserialize;

use crate::stage::support::shared_data;

/// Pool order of the released pairs; `cn` is the data set's name for Chinese.
const POOL: [&str; 6] = ["ja", "cn", "fr", "de", "it", "en"];

#[derive(Deserialize)]
struct Rollout {
    input: String,
    pred: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Released {
    input: String,
    chosen: String,
    rejected: String,
}

fn code(lang: &str) -> &str {
    if lang == "cn" { "zh" } else { lang }
}

fn load<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

struct Excerpt {
    rollouts: BTreeMap<&'static str, Vec<Rollout>>,
    released: BTreeMap<&'static str, Vec<Released>>,
}

fn excerpt() -> Option<Excerpt> {
    let raw = shared_data("calm-excerpt")?.join("raw");
    let rollouts = |lang: &str| load(&raw.join(format!("rollouts_llama/x_csqa_{lang}_train_sampled.json")));
    let released = |lang: &str| load(&raw.join(format!("dpo/DPO_{lang}.json")));
    Some(Excerpt {
        rollouts: POOL.into_iter().map(|lang| (lang, rollouts(lang))).collect(),
        released: POOL.into_iter().map(|lang| (lang, released(lang))).collect(),
    })
}

impl Excerpt {
    fn questions(&self) -> usize {
        self.rollouts["en"].len()
    }

    /// The readable samples of one question in pool order, by the published parser.
    fn pool(&self, index: usize, languages: &[&'static str]) -> Vec<Ballot> {
        let mut pool = Vec::new();
        for &lang in languages {
            let words = labels(code(lang)).unwrap();
            let samples = self.rollouts[lang][index].pred.iter().flatten();
            for (sample, text) in samples.enumerate() {
                let labels: Vec<&str> = std::iter::once(words.answer).chain(words.answer_variant).collect();
                if let Ok(answer) = letter(text, &labels, &Letters::as_published()) {
                    let answer = answer.to_string();
                    pool.push(Ballot { lang: lang.into(), sample, answer, completion: text.clone() });
                }
            }
        }
        pool
    }

    fn vote(&self, index: usize, languages: &[&'static str]) -> Option<Vote> {
        majority(&index.to_string(), self.pool(index, languages), &Policy::default()).ok()
    }

    /// The question a released pair belongs to: the one with the same options, in the same language.
    fn question_of(&self, lang: &str, pair: &Released) -> Vec<usize> {
        let options = options_in_text(&pair.input);
        assert_eq!(options.len(), 5, "{}", pair.input);
        let same = |index: &usize| options_in_text(&self.rollouts[lang][*index].input) == options;
        (0..self.questions()).filter(same).collect()
    }
}

/// Letter and option of the chosen side. Where the option is the last one, the released text goes on with whatever the
/// question ended in, so the line that begins with the label counts.
fn answer_of<'c>(chosen: &'c str, label: &str) -> (char, &'c str) {
    let mut answers =
        chosen.lines().filter_map(|line| line.strip_prefix(label)).filter(|answer| !answer.is_empty());
    let answer = answers.next_back().unwrap();
    (answer.chars().next().unwrap(), answer)
}

fn ours(excerpt: &Excerpt, lang: &'static str, vote: &Vote, index: usize) -> Vec<(String, String)> {
    let words = labels(code(lang)).unwrap();
    let question = Question {
        id: index.to_string(),
        lang: lang.into(),
        question: excerpt.rollouts[lang][index].input.clone(),
        choices: Vec::new(),
        answer: None,
        choice_ids: Vec::new(),
        split: String::new(),
        group: String::new(),
    };
    let style = Chosen::Letter {
        explanation_label: words.explanation,
        answer_label: words.answer,
        explanation: None,
        spacing: "",
    };
    let chosen = pair::chosen(&vote.answer, &question, style).unwrap();
    pair::pairs(vote, &question, &chosen).into_iter().map(|pair| (pair.chosen, pair.rejected)).collect()
}

/// How the released pairs of one language compare with ours.
struct Comparison {
    /// Released pairs that we make too: the same question, winning letter, and rejected text.
    agreeing: usize,
    /// Those whose option text is the same too.
    same_option: usize,
}

fn compare(excerpt: &Excerpt, lang: &'static str, languages: &[&'static str]) -> Comparison {
    let label = labels(code(lang)).unwrap().answer;
    let mut made: BTreeMap<usize, BTreeMap<(char, String), String>> = BTreeMap::new();
    for index in 0..excerpt.questions() {
        let Some(vote) = excerpt.vote(index, languages) else { continue };
        for (chosen, rejected) in ours(excerpt, lang, &vote, index) {
            let (letter, option) = answer_of(&chosen, label);
            made.entry(index).or_default().insert((letter, rejected), option.to_owned());
        }
    }
    let mut comparison = Comparison { agreeing: 0, same_option: 0 };
    let mut matched: BTreeSet<(usize, (char, String))> = BTreeSet::new();
    for pair in &excerpt.released[lang] {
        let (letter, option) = answer_of(&pair.chosen, label);
        let row = (letter, pair.rejected.clone());
        let mut found = excerpt.question_of(lang, pair).into_iter();
        let own = found.find_map(|index| Some((index, made.get(&index)?.get(&row)?)));
        let Some((index, our_option)) = own else { continue };
        comparison.agreeing += 1;
        comparison.same_option += usize::from(our_option == option);
        matched.insert((index, row));
    }
    if comparison.agreeing == excerpt.released[lang].len() {
        let all: usize = made.values().map(BTreeMap::len).sum();
        assert_eq!(all, matched.len(), "{lang}: we make no pair that was not released");
    }
    comparison
}

#[test]
fn every_released_pair_of_the_other_languages_comes_out_of_the_vote_over_six() {
    let Some(excerpt) = excerpt() else { return };
    assert_eq!(excerpt.questions(), 60);
    let (mut total, mut same_option) = (0, 0);
    for lang in ["cn", "de", "fr", "it", "ja"] {
        let comparison = compare(&excerpt, lang, &POOL);
        assert_eq!(comparison.agreeing, excerpt.released[lang].len(), "{lang}");
        total += comparison.agreeing;
        same_option += comparison.same_option;
    }
    assert_eq!(total, 282);
    // One released Chinese pair names an option (a rooster) that its own question does not have.
    assert_eq!(same_option, 281);
}

#[test]
fn english_pairs_come_out_of_a_vote_among_english_samples_alone() {
    let Some(excerpt) = excerpt() else { return };
    assert_eq!(excerpt.released["en"].len(), 9);
    assert_eq!(
        compare(&excerpt, "en", &["en"]).agreeing,
        9,
        "self-consistency, as the released English file was made"
    );
    assert_eq!(compare(&excerpt, "en", &POOL).agreeing, 8, "the pooled vote disagrees with one");
}
