//! The kinds `sample` and `score`.

use std::{collections::BTreeMap, io::Write, sync::Arc};

use chorale::{
    artifact::row::{
        completion::Completion, log_probability::PairLogProbability, pair::Pair, question::Question,
        ranking::Ranking,
    },
    checkpoint::{
        Weights,
        adapter::{self, AdapterConfig},
    },
    decode::score::{Scope, Scorer},
    model::row::Row,
    random::Draws,
    tensor::Tensor,
};

use super::{
    bench::{Bench, TEXTS, problems, questions},
    score,
};
use crate::runtime::runtime;

const SAMPLE: &str = "model = \"model\"\nquestions = \"questions\"\n\
    samples = 3\nmax_new_tokens = 12\ntop_p = 0.9\nseed = 4\nslots = 5\n";
const RANK: &str = "model = \"model\"\nquestions = \"questions\"\n";
const SCORE: &str = "model = \"model\"\npairs = \"pairs\"\n";

#[test]
fn answers_come_in_the_order_of_questions_and_samples() {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    bench.run("sample", SAMPLE, "journal").unwrap();
    let rows: Vec<Completion> = bench.read("completions");
    let order: Vec<(&str, &str, usize)> =
        rows.iter().map(|row| (row.id.as_str(), row.lang.as_str(), row.sample)).collect();
    let expected = questions();
    let expected: Vec<(&str, &str, usize)> = expected
        .iter()
        .flat_map(|question| (0..3).map(|sample| (question.id.as_str(), question.lang.as_str(), sample)))
        .collect();
    assert_eq!(order, expected);
    assert_eq!(order.len(), 24);
    assert_eq!(rows[0].prompt, questions()[0].question);
    assert!(rows.iter().all(|row| ["end", "length"].contains(&row.finish.as_str())));
    assert!(rows.iter().any(|row| rows[0].completion != row.completion));
}

#[test]
fn an_answer_does_not_depend_on_the_other_questions() {
    let bench = Bench::new();
    let texts = |questions: &[Question]| -> BTreeMap<(String, String, usize), String> {
        bench.rows("questions", questions);
        bench.run("sample", SAMPLE, &format!("journal-{}", questions[0].question.len())).unwrap();
        let rows: Vec<Completion> = bench.read("completions");
        rows.into_iter().map(|row| ((row.id, row.lang, row.sample), row.completion)).collect()
    };
    let expected = texts(&questions());
    let mut shuffled = questions();
    Draws::new(1, "order", 0).shuffle(&mut shuffled);
    assert_ne!(shuffled[0].question.len(), questions()[0].question.len());
    assert_eq!(texts(&shuffled), expected);
    let subset = texts(&questions()[5..7]);
    assert_eq!(subset.len(), 6);
    assert!(subset.iter().all(|(key, text)| expected[key] == *text));
}

#[test]
fn sampling_goes_on_where_it_was_interrupted() {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    bench.run("sample", SAMPLE, "straight").unwrap();
    let expected = bench.bytes("completions");
    for steps in [1, 9, 30, 45] {
        let journal = format!("interrupted-{steps}");
        bench.interrupt("sample", SAMPLE, &journal, steps);
        let path = bench.path(&journal).join("answers.jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"question\":7,\"sam").unwrap();
        bench.run("sample", SAMPLE, &journal).unwrap();
        assert!(bench.bytes("completions") == expected, "{steps}");
    }
}

#[test]
fn stop_strings_and_the_prompts_template_do_what_they_say() {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    bench.run("sample", &format!("{SAMPLE}prompt = \"Q: {{question}}\\nA:\"\n"), "template").unwrap();
    let rows: Vec<Completion> = bench.read("completions");
    assert_eq!(rows[0].prompt, format!("Q: {}\nA:", questions()[0].question));
    let common = rows.iter().flat_map(|row| row.completion.chars()).find(char::is_ascii_alphabetic).unwrap();
    let stop = format!("{SAMPLE}prompt = \"Q: {{question}}\\nA:\"\nstop = [\"{common}\"]\n");
    bench.run("sample", &stop, "stop").unwrap();
    let stopped: Vec<Completion> = bench.read("completions");
    assert!(stopped.iter().any(|row| row.finish == "stop"));
    for (row, whole) in stopped.iter().zip(&rows) {
        let cut = whole.completion.split(common).next().unwrap();
        assert_eq!(row.completion, cut, "the text before the stop string is the same");
    }
}

#[test]
fn questions_that_cannot_be_asked_are_errors() {
    let bench = Bench::new();
    let fails = |questions: &[Question], settings: &str, expected: &str| {
        bench.rows("questions", questions);
        let failure = bench.run("sample", settings, "journal").unwrap_err();
        assert!(failure.message.contains(expected), "{failure}");
    };
    let all = questions();
    fails(&[all[0].clone(), all[0].clone()], SAMPLE, "`question-0` is there twice");
    fails(&[], SAMPLE, "nothing to ask");
    fails(&all, &format!("{SAMPLE}splits = [\"test\"]"), "split `test`");
    let long = Question { question: TEXTS.concat().repeat(4), ..all[0].clone() };
    fails(&[long], SAMPLE, "`question-0/en`");
}

#[test]
fn settings_that_make_no_sense_are_problems_of_their_fields() {
    let cases = [
        ("samples = 0", "samples"),
        ("temperature = nan", "temperature"),
        ("temperature = -0.5", "temperature"),
        ("temperature = inf", "temperature"),
        ("top_p = 0.0", "top_p"),
        ("top_p = 1.5", "top_p"),
        ("top_p = nan", "top_p"),
        ("max_new_tokens = 0", "max_new_tokens"),
        ("slots = 0", "slots"),
        ("slots = 100000", "slots"),
        ("stop = [\"\"]", "stop"),
        ("prompt = \"no place\"", "prompt"),
    ];
    for (setting, field) in cases {
        assert_eq!(problems("sample", &format!("{RANK}{setting}")), [field], "{setting}");
    }
    let both = format!("{SCORE}questions = \"questions\"");
    assert_eq!(problems("score", &both), ["questions"]);
    assert_eq!(problems("score", "model = \"model\""), ["questions"]);
    assert_eq!(problems("score", &format!("{SCORE}splits = [\"a\"]")), ["splits"]);
    assert_eq!(problems("score", &format!("{SCORE}normalisation = \"answer-mean\"")), ["normalisation"]);
    assert_eq!(problems("score", &format!("{RANK}batch_tokens = 0")), ["batch_tokens"]);
}

fn pairs() -> Vec<Pair> {
    let pair = |(index, text): (usize, &&str)| Pair {
        id: format!("pair-{index}"),
        lang: "en".to_owned(),
        prompt: text.chars().take(9).collect(),
        chosen: text.chars().skip(9).collect(),
        rejected: " Rome.".to_owned(),
        ..Pair::default()
    };
    TEXTS.iter().enumerate().map(pair).collect()
}

#[test]
fn a_pairs_log_probabilities_are_sums_over_its_sides_with_their_ends() {
    let bench = Bench::new();
    bench.rows("pairs", &pairs());
    bench.run("score", SCORE, "journal").unwrap();
    let rows: Vec<PairLogProbability> = bench.read("log-probabilities");
    let (decoder, tokenizer) = bench.model();
    let mut scorer = Scorer::new(runtime(), &decoder).unwrap();
    let end = tokenizer.special().end().unwrap();
    assert_eq!(rows.len(), 4);
    for (pair, row) in pairs().iter().zip(&rows) {
        assert_eq!(pair.id, row.id);
        let sides = [
            (&pair.chosen, row.chosen, row.chosen_tokens),
            (&pair.rejected, row.rejected, row.rejected_tokens),
        ];
        for (text, got, count) in sides {
            let mut tokens = tokenizer.encode(text).unwrap();
            tokens.push(end);
            let alone = Row::new(&tokenizer.encode_prompt(&pair.prompt).unwrap(), &[&tokens]);
            let expected: f32 =
                score::all(&mut scorer, &[alone], Scope::Branches, 64)[0].branches[0].iter().sum();
            assert_eq!(count, tokens.len());
            assert!((got - expected).abs() < 1e-4 * expected.abs(), "{got} {expected}");
        }
    }
    bench.run("score", &format!("{SCORE}append_end = false"), "without").unwrap();
    let without: Vec<PairLogProbability> = bench.read("log-probabilities");
    assert_eq!(without[0].chosen_tokens + 1, rows[0].chosen_tokens);
}

#[test]
fn candidates_are_ranked_best_first_and_splits_choose_questions() {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    bench.run("score", &format!("{RANK}splits = [\"held-out\"]"), "journal").unwrap();
    let rows: Vec<Ranking> = bench.read("rankings");
    assert_eq!(rows.len(), 4);
    for (row, question) in rows.iter().zip(&questions()[4..]) {
        assert_eq!((&row.id, &row.lang, row.answer), (&question.id, &question.lang, question.answer));
        assert!(row.ranking.windows(2).all(|two| row.scores[two[0]] >= row.scores[two[1]]));
        assert_eq!(row.scores.len(), 3);
    }
}

#[test]
fn scoring_goes_on_where_it_was_interrupted_and_batches_change_nothing() {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    bench.run("score", RANK, "straight").unwrap();
    let expected = bench.bytes("rankings");
    bench.interrupt("score", &format!("{RANK}batch_tokens = 64"), "journal", 3);
    bench.run("score", &format!("{RANK}batch_tokens = 64"), "journal").unwrap();
    assert!(bench.bytes("rankings") == expected);
}

#[test]
fn texts_that_cannot_be_scored_are_errors() {
    let bench = Bench::new();
    let mut empty = pairs();
    empty[2].rejected = String::new();
    bench.rows("pairs", &empty);
    let failure = bench.run("score", &format!("{SCORE}append_end = false"), "empty").unwrap_err();
    assert!(failure.message.contains("`pair-2`"), "{failure}");
    let twice = [pairs()[0].clone(), pairs()[0].clone()];
    bench.rows("pairs", &twice);
    let failure = bench.run("score", SCORE, "twice").unwrap_err();
    assert!(failure.message.contains("`pair-0` is there twice"), "{failure}");
    let mut bare = questions();
    bare[1].choices.clear();
    bench.rows("questions", &bare);
    let failure = bench.run("score", RANK, "bare").unwrap_err();
    assert!(failure.message.contains("no candidates"), "{failure}");
}

#[test]
fn an_adapter_beside_the_model_changes_scores_and_answers() {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    let path = "model.layers.1.mlp.down_proj";
    let tensor = |shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|n: usize| ((n % 7) as f32 - 3.0) * 0.1).collect();
        Arc::new(Tensor::f32(shape, numbers).unwrap())
    };
    let weights = Weights::from([
        (format!("{path}.lora_A.weight"), tensor(&[2, 48])),
        (format!("{path}.lora_B.weight"), tensor(&[32, 2])),
    ]);
    let config = AdapterConfig::new(2, 8.0, vec!["down_proj".to_owned()]);
    std::fs::create_dir(bench.path("change")).unwrap();
    adapter::write(&bench.path("change"), &config, &weights).unwrap();
    for (kind, settings, output) in [("score", RANK, "rankings"), ("sample", SAMPLE, "completions")] {
        bench.run(kind, settings, &format!("{kind}-plain")).unwrap();
        let plain = bench.bytes(output);
        let adapted = format!("{settings}adapter = \"change\"\n");
        bench.run(kind, &adapted, &format!("{kind}-adapted")).unwrap();
        assert!(plain != bench.bytes(output), "{kind}");
    }
}
