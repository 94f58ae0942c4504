//! `parse`: every kind of answer, and why a sample has none.

#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::artifact::row::{answer::Answer, completion::Completion, question::Question, vote::Vote};

use super::support::{Bench, parse};

fn question(lang: &str, choices: &[&str], answer: usize) -> Question {
    Question {
        id: "q".into(),
        lang: lang.into(),
        question: "?".into(),
        choices: choices.iter().map(ToString::to_string).collect(),
        answer: Some(answer),
        choice_ids: Vec::new(),
        split: String::new(),
        group: String::new(),
    }
}

fn bench(questions: &[Question], samples: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    bench.rows("questions", questions);
    let rows: Vec<Completion> = samples
        .iter()
        .zip(0..)
        .map(|((lang, text), sample)| Completion {
            id: "q".into(),
            lang: (*lang).into(),
            sample,
            prompt: "?".into(),
            completion: (*text).into(),
            finish: String::new(),
        })
        .collect();
    bench.rows("completions", &rows);
    bench
}

const INPUTS: &str = "questions = 'questions'\ncompletions = 'completions'\n";

/// What each sample answers, or why it does not.
fn read(bench: &Bench, settings: &str) -> Vec<String> {
    bench.run("parse", &(INPUTS.to_owned() + settings)).unwrap();
    bench.read::<Answer>("answers").into_iter().map(|row| row.answer.unwrap_or(row.dropped)).collect()
}

#[test]
fn numbers_of_a_question_within_the_tolerance_are_one_answer() {
    let samples = [
        ("en", "So it is 12.0004."),
        ("bn", "উত্তর ১২"),
        ("en", "about 13.5"),
        ("en", "13.5008 then"),
        ("en", "no idea"),
        ("en", " "),
    ];
    let bench = bench(&[question("en", &["12"], 0), question("bn", &["১২"], 0)], &samples);
    let answers = read(&bench, "parse = 'number'");
    assert_eq!(answers, ["12", "12", "13.5", "13.5", "no number", "the sample is empty"]);
    assert!(bench.notes().contains("4 of 6 samples have an answer; no number: en 1; "), "{}", bench.notes());
    let rows: Vec<Answer> = bench.read("answers");
    assert!(rows.iter().all(|row| row.right.as_deref() == Some("12")));
    let exact = read(&bench, "parse = 'number'\ntolerance = 0.0\nwithout_number = 0.0");
    assert_eq!(exact, ["12.0004", "12", "13.5", "13.5008", "0", "0"]);
    bench.run("parse", &(INPUTS.to_owned() + "parse = 'number'")).unwrap();
    bench.run("vote", "answers = 'answers'\nlanguages = ['en', 'bn']").unwrap();
    let votes: Vec<Vote> = bench.read("votes");
    assert_eq!((votes[0].answer.as_str(), votes[0].correct, votes[0].tied), ("12", Some(true), true));
}

#[test]
fn letters_are_read_behind_labels_that_the_recipe_adds() {
    let samples = [("sw", "Maelezo: ndiyo.\nJibu : (C)"), ("sw", "Jibu: E"), ("en", "Answer: B")];
    let bench = bench(&[question("sw", &[], 1), question("en", &[], 1)], &samples);
    let (message, hint) = bench.failure("parse", &(INPUTS.to_owned() + "parse = 'letter'"));
    assert_eq!(message, "answers in `sw` have no known label to read letters by");
    assert!(hint.contains("`labels` adds one"));
    let labels = "parse = 'letter'\noptions = 4\nlabels.sw = {answer = 'Jibu:', variants = ['Jibu :']}";
    assert_eq!(read(&bench, labels), ["C", "no option letter", "B"]);
}

#[test]
fn patterns_find_choices_letters_or_any_text() {
    let samples =
        [("en", "#### Rome"), ("en", "#### A\n#### B"), ("en", "#### Oslo"), ("it", "Risposta Roma")];
    let bench =
        bench(&[question("en", &["Paris", "Rome"], 1), question("it", &["Parigi", "Roma"], 1)], &samples);
    let settings = "parse = 'regex'\npattern = '#### (.*)'\npatterns.it = 'Risposta (.*)'\n";
    assert_eq!(read(&bench, settings), ["1", "1", "Oslo", "1"]);
    assert_eq!(read(&bench, &(settings.to_owned() + "match = 'first'"))[1], "0");
    assert_eq!(bench.read::<Answer>("answers")[0].right.as_deref(), Some("1"));
}

#[test]
fn code_stands_in_fences_unless_the_recipe_says_otherwise() {
    let bench = bench(&[question("en", &[], 0)], &[("en", "```python\nx = 1\n```\nDone"), ("en", "x = 2\n")]);
    assert_eq!(read(&bench, "parse = 'code'"), ["x = 1", "no block of code"]);
    assert_eq!(read(&bench, "parse = 'code'\nbare_code = true"), ["x = 1", "x = 2"]);
}

#[test]
fn settings_and_samples_that_make_no_sense_are_refused() {
    let fields = |settings: &str| -> Vec<String> {
        let problems = parse("parse", &(INPUTS.to_owned() + settings)).check();
        problems.into_iter().map(|problem| problem.field).collect()
    };
    assert_eq!(fields("options = 1\ntolerance = nan"), ["options", "tolerance"]);
    assert_eq!(fields("parse = 'regex'"), ["pattern"]);
    assert_eq!(fields("patterns.en = '('"), ["patterns.en", "patterns"]);
    assert_eq!(fields("labels.sw = {answer = ' '}"), ["labels.sw.answer"]);
    let bench = bench(&[question("en", &["1"], 0)], &[("en", "none"), ("en", "")]);
    let (message, _) = bench.failure("parse", &(INPUTS.to_owned() + "parse = 'number'"));
    assert_eq!(message, "0 of 2 samples have an answer; no number: en 1; the sample is empty: en 1");
}
