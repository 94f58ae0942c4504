//! `vote` and `pairs`.

use chorale::artifact::row::{completion::Completion, pair::Pair, question::Question, vote::Vote};

use super::support::{Bench, parse};

fn question(id: &str, lang: &str, choices: &[&str], answer: usize) -> Question {
    Question {
        id: id.into(),
        lang: lang.into(),
        question: format!("{id} {lang}?"),
        choices: choices.iter().map(ToString::to_string).collect(),
        answer: Some(answer),
        choice_ids: ["paris", "rome"].map(str::to_owned).to_vec(),
        split: "trained".into(),
        group: "capital".into(),
    }
}

fn sample(id: &str, lang: &str, sample: usize, completion: &str) -> Completion {
    let prompt = format!("{id} {lang}?");
    Completion {
        id: id.into(),
        lang: lang.into(),
        sample,
        prompt,
        completion: completion.into(),
        finish: String::new(),
    }
}

/// Question `fr` is answered by both languages, `it` as well; two samples each.
fn bench(completions: &[Completion]) -> Bench {
    let bench = Bench::new();
    let questions = [
        question("fr", "en", &[" Paris", " Rome"], 0),
        question("fr", "sw", &[" Parisi", " Roma"], 0),
        question("it", "en", &[" Paris", " Rome"], 1),
        question("it", "sw", &[" Parisi", " Roma"], 1),
    ];
    bench.rows("questions", &questions);
    bench.rows("completions", completions);
    bench
}

const VOTE: &str = "questions = 'questions'\ncompletions = 'completions'\nlanguages = ['sw', 'en']\n";
const PAIRS: &str = "questions = 'questions'\nvotes = 'votes'\n";

#[test]
fn the_majority_of_all_languages_becomes_the_chosen_side_in_the_losers_language() {
    let bench = bench(&[
        sample("fr", "en", 0, " Paris"),
        sample("fr", "en", 1, " Paris\nis the capital"),
        sample("fr", "sw", 0, " Roma"),
        sample("fr", "sw", 1, " Timbuktu"),
        sample("it", "en", 0, " Rome"),
        sample("it", "sw", 0, " Roma"),
    ]);
    bench.run("vote", VOTE).unwrap();
    let votes: Vec<Vote> = bench.read("votes");
    assert_eq!(votes.len(), 2);
    assert_eq!((votes[0].answer.as_str(), votes[0].count, votes[0].total), ("paris", 2, 3));
    assert_eq!(votes[0].correct, Some(true));
    assert_eq!(votes[0].ballots[0].lang, "sw", "the pool follows the setting, not the file");
    assert!(bench.notes().contains("1 of 6 samples unreadable"), "{}", bench.notes());
    bench.run("pairs", PAIRS).unwrap();
    let pairs: Vec<Pair> = bench.read("pairs");
    assert_eq!(pairs.len(), 1);
    let pair = &pairs[0];
    assert_eq!(
        (pair.prompt.as_str(), pair.chosen.as_str(), pair.rejected.as_str()),
        ("fr sw?", " Parisi", " Roma")
    );
}

#[test]
fn samples_without_a_readable_answer_are_an_error_that_says_so() {
    let bench = bench(&[sample("fr", "en", 0, "hm"), sample("fr", "sw", 0, "")]);
    let (message, hint) = bench.failure("vote", VOTE);
    assert_eq!(message, "no question has a winner: 1 without a readable sample (2 of 2 samples unreadable)");
    assert!(hint.contains("parse"));
}

#[test]
fn when_all_votes_are_tied_and_ties_drop_nothing_is_left() {
    let bench = bench(&[sample("fr", "en", 0, " Paris"), sample("fr", "sw", 0, " Roma")]);
    let (message, hint) = bench.failure("vote", &(VOTE.to_owned() + "ties = 'drop'"));
    assert_eq!(message, "no question has a winner: 1 tied (0 of 2 samples unreadable)");
    assert!(hint.contains("first-seen"));
    bench.run("vote", VOTE).unwrap();
    let votes: Vec<Vote> = bench.read("votes");
    assert_eq!((votes[0].answer.as_str(), votes[0].tied), ("rome", true), "sw is first in the pool");
}

#[test]
fn a_pair_set_that_would_be_empty_is_an_error() {
    let bench = bench(&[sample("fr", "en", 0, " Paris"), sample("fr", "sw", 0, " Parisi")]);
    bench.run("vote", VOTE).unwrap();
    let (message, hint) = bench.failure("pairs", PAIRS);
    assert_eq!(message, "no pair can be made; 2 samples agree with the winner");
    assert!(hint.contains("temperature"));
}

#[test]
fn samples_and_questions_must_belong_together() {
    let bench = bench(&[sample("de", "en", 0, " Berlin")]);
    let (message, _) = bench.failure("vote", VOTE);
    assert_eq!(message, "a sample answers question `de` in `en`, which is not among the questions");
    let (message, hint) = bench.failure("vote", &VOTE.replace("'sw'", "'ja'"));
    assert_eq!(message, "no question is in `ja`");
    assert_eq!(hint, "languages of the questions: en, sw");
    bench.rows::<Completion>("completions", &[]);
    let (message, _) = bench.failure("vote", VOTE);
    assert_eq!(message, "there is no sample in the languages that vote");
    let doubled = VOTE.replace("'en'", "'sw'");
    assert_eq!(parse("vote", &doubled).check()[0].field, "languages");
}

#[test]
fn gold_votes_take_the_right_answer_where_a_sample_says_it() {
    let bench = bench(&[
        sample("fr", "en", 0, " Rome"),
        sample("fr", "en", 1, " Paris"),
        sample("fr", "sw", 0, " Roma"),
        sample("it", "sw", 0, " Parisi"),
    ]);
    bench.run("vote", &(VOTE.to_owned() + "source = 'gold'\npick = 'first-agreeing'")).unwrap();
    let votes: Vec<Vote> = bench.read("votes");
    assert_eq!(votes.len(), 1);
    assert_eq!((votes[0].answer.as_str(), votes[0].count, votes[0].correct), ("paris", 1, Some(true)));
    assert!(
        bench.notes().contains("1 where no sample that may be the example gives the winning answer"),
        "{}",
        bench.notes()
    );
}

#[test]
fn letters_are_voted_on_and_written_with_labels_and_explanations() {
    let bench = Bench::new();
    let asked =
        |lang: &str, choices: &[&str]| Question { choice_ids: Vec::new(), ..question("q", lang, choices, 1) };
    bench.rows("questions", &[asked("en", &["town", "school"]), asked("de", &["Stadt", "Schule"])]);
    bench.rows(
        "completions",
        &[
            sample("q", "en", 0, "Explanation: so.\nAnswer: B"),
            sample("q", "en", 1, "Answer:B. school"),
            sample("q", "de", 0, "Antwort: A. Stadt"),
        ],
    );
    bench.rows("explanations", &[sample("q", "de", 0, "Darum.")]);
    let letters = VOTE.replace("'sw'", "'de'") + "parse = 'letter'";
    bench.run("vote", &letters).unwrap();
    let votes: Vec<Vote> = bench.read("votes");
    assert_eq!((votes[0].answer.as_str(), votes[0].correct), ("B", Some(true)));
    bench.run("pairs", &(PAIRS.to_owned() + "format = 'letter'\nexplanations = 'explanations'")).unwrap();
    assert_eq!(bench.read::<Pair>("pairs")[0].chosen, "Erklärung: Darum.\nAntwort:B. Schule");
    let (message, hint) =
        bench.failure("vote", &(VOTE.replace("'sw', ", "") + "parse = 'letter'").replace("'en'", "'it'"));
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("no question is in `it`", "languages of the questions: en, de")
    );
}
