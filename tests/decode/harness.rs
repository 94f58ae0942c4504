//! Candidate scores are those of lm-evaluation-harness, and of DCO's probing code (`tests/golden/scoring.py`).

use std::path::Path;

use chorale::artifact::row::{question::Question, ranking::Ranking};
use serde::Deserialize;

use super::bench::Bench;

#[derive(Deserialize)]
struct Golden {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    lang: String,
    question: String,
    choices: Vec<String>,
    answer: usize,
    /// Of each choice: its summed log-probability, its number of tokens, the mean over the whole text.
    sums: Vec<f64>,
    tokens: Vec<usize>,
    whole_means: Vec<f64>,
    /// 1 if the harness found the answer by sum, per character, per byte.
    acc: f64,
    acc_norm: f64,
    acc_bytes: f64,
}

impl Item {
    /// The harness puts a space before each choice.
    fn question(&self, index: usize) -> Question {
        Question {
            id: index.to_string(),
            lang: self.lang.clone(),
            question: self.question.clone(),
            choices: self.choices.iter().map(|choice| format!(" {choice}")).collect(),
            answer: Some(self.answer),
            choice_ids: Vec::new(),
            split: "test".to_owned(),
            group: String::new(),
        }
    }
}

/// What an item's golden says.
type Expected<T> = fn(&Item) -> T;

#[test]
fn candidate_scores_are_those_of_the_harness_and_of_whole_text_probing() {
    let folder = Path::new("tests/fixtures/golden/scoring");
    let golden: Golden = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let bench = Bench::of(folder);
    let questions: Vec<Question> =
        golden.items.iter().enumerate().map(|(index, item)| item.question(index)).collect();
    bench.rows("questions", &questions);
    let rankings = |normalisation: &str| -> Vec<Ranking> {
        let settings = format!(
            "model = \"model\"\nquestions = \"questions\"\njoint = \"together\"\nnormalisation = \"{normalisation}\"\n"
        );
        bench.run("score", &settings, normalisation).unwrap();
        bench.read("rankings")
    };
    let scores: [(&str, Expected<Vec<f64>>); 3] = [
        ("answer-sum", |item| item.sums.clone()),
        ("answer-mean", |item| {
            item.sums.iter().zip(&item.tokens).map(|(sum, count)| sum / *count as f64).collect()
        }),
        ("whole-mean", |item| item.whole_means.clone()),
    ];
    for (normalisation, expected) in scores {
        for (item, ranking) in golden.items.iter().zip(rankings(normalisation)) {
            for (found, expected) in ranking.scores.iter().zip(expected(item)) {
                let difference = (f64::from(*found) - expected).abs() / expected.abs();
                assert!(difference < 1e-5, "{normalisation}, {}: {found} for {expected}", item.question);
            }
        }
    }
    let right: [(&str, Expected<f64>); 3] = [
        ("answer-sum", |item| item.acc),
        ("answer-character-mean", |item| item.acc_norm),
        ("answer-byte-mean", |item| item.acc_bytes),
    ];
    for (normalisation, expected) in right {
        for (item, ranking) in golden.items.iter().zip(rankings(normalisation)) {
            let right = f64::from(u8::from(ranking.ranking[0] == item.answer));
            assert_eq!(right, expected(item), "{normalisation}: {}", item.question);
        }
    }
}
