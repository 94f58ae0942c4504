//! CALM's released samples through `parse`, `vote` and `pairs`, against an independent reading in Python
//! (`tests/golden/calm.py`): every letter, winner, count and consistency.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path};

use chorale::{
    align::metric::agreement::consistency,
    artifact::row::{answer::Answer, completion::Completion, pair::Pair, question::Question, vote::Vote},
};
use serde::Deserialize;

use super::support::{Bench, shared_data};

#[derive(Deserialize)]
struct Golden {
    pool: Vec<String>,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    letters: BTreeMap<String, Vec<String>>,
    gold: String,
    winners: String,
    ties: Vec<usize>,
    english_winners: String,
    vote_accuracy: usize,
    pairs: BTreeMap<String, usize>,
    english_pairs: usize,
    gold_pairs: BTreeMap<String, usize>,
    readable_everywhere: usize,
    first_accuracy: BTreeMap<String, usize>,
    consistency: Vec<f64>,
}

#[derive(Deserialize)]
struct Rollout {
    input: String,
    output: String,
    pred: Option<Vec<String>>,
}

const QUESTIONS: usize = 60;
const INPUTS: &str = "questions = 'questions'\ncompletions = 'completions'\n";
const SIX: &str = "answers = 'answers'\nlanguages = ['ja', 'zh', 'fr', 'de', 'it', 'en']\n";

/// The data set's name for Chinese is `cn`.
fn code(lang: &str) -> &str {
    if lang == "cn" { "zh" } else { lang }
}

/// A bench with the questions and samples of one model, read as the published code reads them.
fn bench(raw: &Path, model: &str, pool: &[String]) -> Bench {
    let (mut questions, mut completions) = (Vec::new(), Vec::new());
    let infix = if model == "mistral" { "_mistral" } else { "" };
    for lang in pool {
        let path = raw.join(format!("rollouts_{model}/x_csqa_{lang}_train{infix}_sampled.json"));
        let rows: Vec<Rollout> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(rows.len(), QUESTIONS);
        for (index, row) in rows.into_iter().enumerate() {
            let id = index.to_string();
            let gold = usize::from(row.output.as_bytes()[0] - b'A');
            for (sample, text) in row.pred.into_iter().flatten().enumerate() {
                let (id, lang) = (id.clone(), code(lang).to_owned());
                let prompt = row.input.clone();
                completions.push(Completion {
                    id,
                    lang,
                    sample,
                    prompt,
                    completion: text,
                    finish: String::new(),
                });
            }
            questions.push(Question {
                id,
                lang: code(lang).to_owned(),
                question: row.input,
                choices: Vec::new(),
                answer: Some(gold),
                choice_ids: Vec::new(),
                split: String::new(),
                group: String::new(),
            });
        }
    }
    let bench = Bench::new();
    bench.rows("questions", &questions);
    bench.rows("completions", &completions);
    bench.run("parse", &(INPUTS.to_owned() + "parse = 'letter'\nrequire_valid_letter = false")).unwrap();
    bench
}

/// One letter per question; `-` where there is no winner.
fn winners(votes: &[Vote]) -> String {
    let by_id: BTreeMap<usize, &str> =
        votes.iter().map(|vote| (vote.id.parse().unwrap(), vote.answer.as_str())).collect();
    (0..QUESTIONS).map(|index| by_id.get(&index).copied().unwrap_or("-")).collect()
}

/// Pairs per language after a vote.
fn pairs(bench: &Bench) -> BTreeMap<String, usize> {
    bench.run("pairs", "questions = 'questions'\nvotes = 'votes'\nformat = 'letter'").unwrap();
    let mut counts = BTreeMap::new();
    for pair in bench.read::<Pair>("pairs") {
        *counts.entry(pair.lang).or_default() += 1;
    }
    counts
}

fn by_code(counts: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    counts.iter().map(|(lang, count)| (code(lang).to_owned(), *count)).collect()
}

/// Every letter of one model is the one that Python reads.
fn check_letters(answers: &[Answer], expected: &Model) -> usize {
    let mut letters = 0;
    for (lang, rows) in &expected.letters {
        for (index, row) in rows.iter().enumerate() {
            let id = index.to_string();
            let own = answers.iter().filter(|answer| answer.id == id && answer.lang == code(lang));
            let read: String = own.map(|answer| answer.answer.as_deref().unwrap_or("-")).collect();
            assert_eq!(read, *row, "{lang} {index}");
            letters += row.chars().count();
        }
    }
    letters
}

/// What each language answers first, in pool order.
fn firsts(answers: &[Answer], pool: &[String]) -> Vec<Vec<Option<String>>> {
    let first = |index: usize, lang: &String| {
        let id = index.to_string();
        let mut own = answers.iter().filter(|answer| answer.id == id && answer.lang == code(lang));
        own.find_map(|answer| answer.answer.clone())
    };
    (0..QUESTIONS).map(|index| pool.iter().map(|lang| first(index, lang)).collect()).collect()
}

fn check_agreement(answers: &[Answer], golden: &Golden, expected: &Model) {
    let firsts = firsts(answers, &golden.pool);
    for (place, lang) in golden.pool.iter().enumerate() {
        let right = firsts.iter().zip(expected.gold.chars());
        let right = right.filter(|(row, gold)| row[place].as_deref() == Some(&gold.to_string())).count();
        assert_eq!(right, expected.first_accuracy[lang], "{lang}");
    }
    let readable: Vec<Vec<Option<String>>> =
        firsts.into_iter().filter(|row| row.iter().all(Option::is_some)).collect();
    assert_eq!(readable.len(), expected.readable_everywhere);
    assert_eq!(expected.consistency.len(), 5);
    for (size, expected) in (2..=6).zip(&expected.consistency) {
        let ours = consistency(&readable, golden.pool.len(), size);
        assert!((ours - expected).abs() < 1e-12, "{size}: {ours} {expected}");
    }
}

#[test]
fn letters_votes_pairs_and_consistency_of_the_released_samples_are_those_of_python() {
    let Some(data) = shared_data("calm-excerpt") else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/calm/excerpt.json");
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let (mut letters, mut made) = (0, 0);
    for (model, expected) in &golden.models {
        let bench = bench(&data.join("raw"), model, &golden.pool);
        let answers: Vec<Answer> = bench.read("answers");
        letters += check_letters(&answers, expected);
        check_agreement(&answers, &golden, expected);
        bench.run("vote", SIX).unwrap();
        let votes: Vec<Vote> = bench.read("votes");
        assert_eq!(winners(&votes), expected.winners, "{model}");
        let tied = votes.iter().filter(|vote| vote.tied).map(|vote| vote.id.parse::<usize>().unwrap());
        assert_eq!(tied.collect::<Vec<_>>(), expected.ties, "{model}");
        assert_eq!(
            votes.iter().filter(|vote| vote.correct == Some(true)).count(),
            expected.vote_accuracy,
            "{model}"
        );
        assert_eq!(pairs(&bench), by_code(&expected.pairs), "{model}");
        made += expected.pairs.values().sum::<usize>();
        let truth = SIX.to_owned() + "source = 'gold'\npick = 'first-agreeing'\nexample_languages = ['en']";
        bench.run("vote", &truth).unwrap();
        assert_eq!(pairs(&bench), by_code(&expected.gold_pairs), "{model}: pairs against the right answer");
        bench.run("vote", "answers = 'answers'\nlanguages = ['en']").unwrap();
        assert_eq!(winners(&bench.read::<Vote>("votes")), expected.english_winners, "{model}");
        assert_eq!(pairs(&bench), BTreeMap::from([("en".to_owned(), expected.english_pairs)]), "{model}");
    }
    assert_eq!((golden.models.len(), letters, made), (2, 2 * 6 * 3 * QUESTIONS, 642));
}
