//! `pairs`: every rule on small rows, and DCO's draws against Python (`tests/golden/parallel.py`).

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use chorale::artifact::row::{
    completion::Completion,
    pair::Pair,
    question::Question,
    score::Score,
    translation::Translation,
    vote::{Ballot, Vote},
};
use serde::Deserialize;

use super::support::{Bench, parse};

fn question(id: &str, lang: &str, choices: &[&str], answer: usize) -> Question {
    Question {
        id: id.into(),
        lang: lang.into(),
        question: format!(" {id} {lang}? "),
        choices: choices.iter().map(ToString::to_string).collect(),
        answer: Some(answer),
        choice_ids: Vec::new(),
        split: "train".into(),
        group: String::new(),
    }
}

fn vote(id: &str, answer: &str, example: (&str, &str), ballots: &[(&str, &str, &str)]) -> Vote {
    let ballot = |((lang, answer, text), sample): (&(&str, &str, &str), usize)| Ballot {
        lang: (*lang).into(),
        sample,
        answer: (*answer).into(),
        completion: (*text).into(),
    };
    let ballots: Vec<Ballot> = ballots.iter().zip(0..).map(ballot).collect();
    let count = ballots.iter().filter(|ballot| ballot.answer == answer).count();
    Vote {
        id: id.into(),
        answer: answer.into(),
        count,
        total: ballots.len(),
        tied: false,
        correct: None,
        counts: vec![(answer.to_owned(), count)],
        example_lang: example.0.into(),
        example_sample: 0,
        example: example.1.into(),
        ballots,
    }
}

fn score(lang: &str, sample: usize, score: f64, text: &str, agrees: Option<bool>) -> Score {
    Score {
        id: "q".into(),
        lang: lang.into(),
        sample,
        score,
        agrees,
        task: "mathematics".into(),
        prompt: "?".into(),
        completion: text.into(),
    }
}

fn translation(id: &str, from: &str, to: &str, text: &str) -> Translation {
    Translation {
        id: id.into(),
        source_lang: from.into(),
        lang: to.into(),
        source: String::new(),
        text: text.into(),
    }
}

/// Each pair as `lang: chosen > rejected`.
fn shown(bench: &Bench, settings: &str) -> Vec<String> {
    bench.run("pairs", settings).unwrap();
    let pairs: Vec<Pair> = bench.read("pairs");
    pairs.iter().map(|pair| format!("{}: {} > {}", pair.lang, pair.chosen, pair.rejected)).collect()
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    languages: usize,
    questions: usize,
    train: usize,
    passes: usize,
    false_only: bool,
    seed: u64,
    train_ids: Vec<usize>,
    rows: Vec<(usize, usize, usize, usize, usize)>,
}

const CODES: &[&str] = &[
    "en", "fr", "de", "es", "zh", "ja", "ar", "sw", "it", "pt", "ru", "ko", "hi", "vi", "tr", "fa", "he",
    "uk", "pl", "nl", "el", "hu", "ca", "ur",
];

#[test]
fn shared_preferences_are_drawn_as_python_draws_them() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/python/parallel.json");
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let mut compared = 0;
    for case in &golden.cases {
        let bench = Bench::new();
        let codes = &CODES[..case.languages];
        let of = |id: usize, lang: &str| {
            let count = 1 + 7 * id % 6;
            let choices: Vec<String> = (0..count).map(|place| format!(" {place}/{lang}")).collect();
            let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
            let split = if case.train_ids.contains(&id) { "train" } else { "test" };
            Question { split: split.into(), ..question(&id.to_string(), lang, &choices, id % count) }
        };
        let rows: Vec<Question> =
            (0..case.questions).flat_map(|id| codes.iter().map(move |lang| of(id, lang))).collect();
        bench.rows("questions", &rows);
        let settings = format!(
            "rule = 'random-parallel'\nquestions = 'questions'\ntrain = {}\npasses = {}\nfalse_only = {}\nseed = {}\n\
             splits = ['train']",
            case.train, case.passes, case.false_only, case.seed
        );
        bench.run("pairs", &settings).unwrap();
        let pairs: Vec<Pair> = bench.read("pairs");
        assert_eq!(pairs.len(), 2 * case.rows.len());
        for (own, (id, first, second, chosen, rejected)) in pairs.chunks_exact(2).zip(&case.rows) {
            for (pair, lang) in own.iter().zip([codes[*first], codes[*second]]) {
                assert_eq!((pair.question.as_str(), pair.lang.as_str()), (id.to_string().as_str(), lang));
                assert_eq!(pair.chosen, format!(" {chosen}/{lang}"), "candidates are not stripped");
                assert_eq!(pair.rejected, format!(" {rejected}/{lang}"));
                assert_eq!(pair.prompt, format!("{id} {lang}?"), "prompts are");
            }
            assert!(own[0].group == own[1].group && !own[0].group.is_empty());
            compared += 1;
        }
        let dropped = case.train * case.passes - case.rows.len();
        assert!(bench.notes().contains(&format!("{dropped} draws left out")), "{}", bench.notes());
        // Another part of the data than the one that was drawn is refused.
        if case.train < case.questions {
            let (message, _) = bench.failure("pairs", &settings.replace("['train']", "['test']"));
            assert!(message.contains("was drawn for training, but belongs to split `train`"), "{message}");
        }
    }
    assert!(golden.cases.len() == 4 && compared > 120, "{compared}");
}

#[test]
fn all_languages_may_share_one_preference() {
    let bench = Bench::new();
    let rows: Vec<Question> = ["en", "sw", "de"].map(|lang| question("q", lang, &["a", "b"], 0)).to_vec();
    bench.rows("questions", &rows);
    let settings =
        "rule = 'random-parallel'\nquestions = 'questions'\ngrouping = 'all'\nlanguages = ['de', 'en', 'sw']";
    bench.run("pairs", settings).unwrap();
    let pairs: Vec<Pair> = bench.read("pairs");
    assert_eq!(pairs.iter().map(|pair| pair.lang.as_str()).collect::<Vec<_>>(), ["de", "en", "sw"]);
    assert!(pairs.iter().all(|pair| pair.group == "q/de-en-sw/0" && pair.chosen == pairs[0].chosen));
    assert!(bench.notes().contains("3 pairs in 1 groups"), "{}", bench.notes());
    let (message, _) = bench.failure("pairs", &settings.replace("'sw'", "'ja'"));
    assert_eq!(message, "question `q` is missing in `ja`");
}

#[test]
fn right_candidates_meet_each_other_one_or_one_of_them() {
    let bench = Bench::new();
    let unknown = Question { answer: None, ..question("u", "en", &["a", "b"], 0) };
    bench.rows(
        "questions",
        &[question("q", "en", &["a", "b", "c"], 1), question("q", "sw", &["x"], 0), unknown],
    );
    let all = shown(&bench, "rule = 'gold-vs-rest'\nquestions = 'questions'");
    assert_eq!(all, ["en: b > a", "en: b > c"]);
    let told = "1 questions have no other candidate; 1 questions have no right answer";
    assert!(bench.notes().contains(told), "{}", bench.notes());
    let one = shown(&bench, "rule = 'gold-vs-random'\nquestions = 'questions'\nseed = 5");
    assert!(one.len() == 1 && all.contains(&one[0]), "{one:?}");
}

#[test]
fn what_languages_rank_first_is_voted_on_and_preferred() {
    let bench = Bench::new();
    bench.rows("questions", &["en", "sw", "de"].map(|lang| question("q", lang, &["a", "b", "c"], 1)));
    bench.file(
        "rankings",
        "{\"id\":\"q\",\"lang\":\"en\",\"scores\":[0.5,1.0,0.0],\"ranking\":[1,0,2],\"answer\":1}\n\
         {\"id\":\"q\",\"lang\":\"sw\",\"scores\":[0.5,1.0,0.0],\"ranking\":[1,0,2],\"answer\":1}\n\
         {\"id\":\"q\",\"lang\":\"de\",\"scores\":[0.5,0.1,1.0],\"ranking\":[2,0,1],\"answer\":1}\n",
    );
    let ranked = "questions = 'questions'\nrankings = 'rankings'\nlanguages = ['de', 'sw', 'en']";
    bench.run("vote", ranked).unwrap();
    let votes: Vec<Vote> = bench.read("votes");
    assert_eq!((votes[0].answer.as_str(), votes[0].count, votes[0].correct), ("1", 2, Some(true)));
    assert_eq!((votes[0].example.as_str(), votes[0].example_lang.as_str()), ("b", "en"));
    let settings = "rule = 'top-answer'\nquestions = 'questions'\nvotes = 'votes'\n";
    let random = shown(&bench, settings);
    assert!(random.len() == 3 && random.iter().all(|pair| pair.contains(": b > ")), "{random:?}");
    assert_eq!(shown(&bench, &(settings.to_owned() + "rejected = 'own-answer'")), ["de: b > c"]);
}

#[test]
fn the_best_candidate_meets_the_worst_with_its_margin_and_task() {
    let bench = Bench::new();
    bench.rows(
        "scores",
        &[
            score("en", 0, 0.9, "reference", None),
            score("en", 1, 0.1, "other", None),
            score("sw", 0, 0.3, "low", None),
            score("sw", 1, 0.8, "high", None),
            score("de", 0, 0.5, "same", None),
            score("de", 1, 0.4, "same", None),
        ],
    );
    let settings = "rule = 'argmax-argmin'\nscores = 'scores'\n";
    assert_eq!(shown(&bench, settings), ["sw: high > low"]);
    let pair = &bench.read::<Pair>("pairs")[0];
    assert!((pair.margin.unwrap() - 0.5).abs() < 1e-12 && pair.task == "mathematics");
    assert!(bench.notes().contains("1 questions have one text as best and worst"), "{}", bench.notes());
    let both = shown(&bench, &(settings.to_owned() + "include_source = true\ntask = 'general'"));
    assert_eq!(both, ["en: reference > other", "sw: high > low"]);
    assert_eq!(bench.read::<Pair>("pairs")[0].task, "general");
    let wide = shown(&bench, &(settings.to_owned() + "include_source = true\nmin_margin = 0.6"));
    assert_eq!(wide, ["en: reference > other"]);
    let (message, _) = bench.failure("pairs", &(settings.to_owned() + "min_margin = 0.9"));
    assert!(message.contains("1 pairs left out because their margin is too small"), "{message}");
}

#[test]
fn right_answers_meet_every_worse_one() {
    let bench = Bench::new();
    let rows = [
        score("sw", 0, 0.2, "wrong", Some(false)),
        score("sw", 1, 0.9, "right one", Some(true)),
        score("sw", 2, 0.5, "right two", Some(true)),
        score("de", 0, 0.5, "falsch", Some(false)),
    ];
    bench.rows("scores", &rows);
    let settings = "rule = 'all-ordered-pairs'\nscores = 'scores'\n";
    let all = ["sw: right one > right two", "sw: right one > wrong", "sw: right two > wrong"];
    assert_eq!(shown(&bench, settings), all);
    assert_eq!(shown(&bench, &(settings.to_owned() + "per_question = 2")), all[..2]);
    bench.rows("scores", &[score("sw", 0, 0.2, "a", None), score("sw", 1, 0.3, "b", None)]);
    assert!(bench.failure("pairs", settings).0.contains("says whether its answer is right"));
}

#[test]
fn answers_and_translations_of_answers_are_compared_both_ways() {
    let bench = Bench::new();
    let answer = |lang: &str, text: &str| Completion {
        id: "q".into(),
        lang: lang.into(),
        sample: 0,
        prompt: format!("{lang}?"),
        completion: text.into(),
        finish: String::new(),
    };
    bench.rows("completions", &[answer("en", "yes"), answer("sw", "labda"), answer("de", "vielleicht")]);
    bench.rows(
        "translations",
        &[
            translation("q", "en", "sw", "ndiyo"),
            translation("q", "sw", "en", "maybe"),
            translation("q", "en", "de", "ja"),
        ],
    );
    let settings =
        "rule = 'translate-imbalance'\ncompletions = 'completions'\ntranslations = 'translations'\n";
    assert_eq!(shown(&bench, settings), ["sw: ndiyo > labda", "en: yes > maybe", "de: ja > vielleicht"]);
    assert!(bench.notes().contains("1 answers are not translated"), "{}", bench.notes());
    let prompts: Vec<String> = bench.read::<Pair>("pairs").into_iter().map(|pair| pair.prompt).collect();
    assert_eq!(prompts, ["sw?", "en?", "de?"]);
    let target = shown(&bench, &(settings.to_owned() + "include_source = false\nexclude_languages = ['de']"));
    assert_eq!(target, ["sw: ndiyo > labda"]);
}

#[test]
fn pairs_of_one_question_are_grouped_with_the_source_language() {
    let bench = Bench::new();
    let pair = |id: &str, question: &str, lang: &str| Pair {
        id: id.into(),
        lang: lang.into(),
        chosen: format!("c{id}"),
        question: question.into(),
        ..Pair::default()
    };
    let rows = [pair("1", "a", "zh"), pair("2", "a", "en"), pair("3", "a", "sw"), pair("4", "b", "en")];
    bench.rows("given", &rows);
    bench.run("pairs", "rule = 'source-target'\npairs = 'given'\nsource_language = 'zh'").unwrap();
    let pairs: Vec<Pair> = bench.read("pairs");
    let chosen: Vec<&str> = pairs.iter().map(|pair| pair.chosen.as_str()).collect();
    assert_eq!(chosen, ["c1", "c2", "c1", "c3"]);
    assert!(pairs[0].group == pairs[1].group && pairs[1].group != pairs[2].group);
    assert!(bench.notes().contains("1 pairs have none in `zh` of their question"), "{}", bench.notes());
}

#[test]
fn the_winners_translated_explanation_is_written_into_every_language() {
    let bench = Bench::new();
    let asked = ["en", "de", "sw"].map(|lang| question("q", lang, &["town", "school"], 1));
    bench.rows("questions", &asked);
    let said = "Explanation: so.\nAnswer: B";
    let ballots = [("en", "B", said), ("de", "B", "Antwort: B"), ("de", "A", "falsch"), ("sw", "A", "mbaya")];
    bench.rows("votes", &[vote("q", "B", ("en", said), &ballots)]);
    bench.rows("translations", &[translation("q", "en", "de", "Erklärung: Darum.\nAntwort: B")]);
    let settings = "questions = 'questions'\nvotes = 'votes'\ntranslations = 'translations'\n";
    let letters = settings.to_owned() + "format = 'letter'\nspacing = ' '\nprompt = 'Think. {question}'";
    assert_eq!(shown(&bench, &letters), ["de: Erklärung: Darum.\nAntwort: B. school > falsch"]);
    assert_eq!(bench.read::<Pair>("pairs")[0].prompt, "Think.  q de? ");
    assert!(bench.notes().contains("1 samples left out because the winner is not translated"));
    let whole = settings.to_owned() + "format = 'translation'";
    assert_eq!(shown(&bench, &whole), ["de: Erklärung: Darum.\nAntwort: B > falsch"]);
    let native = settings.to_owned() + "format = 'letter'\nprefer_native_winner = true";
    assert_eq!(shown(&bench, &native), ["de: Antwort: B > falsch"]);
    bench.rows("translations", &[translation("q", "fr", "de", "Parce que")]);
    assert!(bench.failure("pairs", &letters).0.contains("the winner was said in `en`"));
}

#[test]
fn some_questions_are_held_back_to_validate_on() {
    let bench = Bench::new();
    let rows: Vec<Question> =
        (0..20).map(|id| question(&id.to_string(), "en", &["a", "b", "c"], 0)).collect();
    bench.rows("questions", &rows);
    bench
        .run(
            "pairs",
            "rule = 'gold-vs-rest'\nquestions = 'questions'\nvalidation_fraction = 0.06\ndedupe = true",
        )
        .unwrap();
    let (train, held): (Vec<Pair>, Vec<Pair>) = (bench.read("pairs"), bench.read("validation"));
    assert_eq!((train.len(), held.len()), (36, 4), "ceil(20 * .06) questions with two pairs each");
    assert!(train.iter().all(|pair| held.iter().all(|other| other.question != pair.question)));
}

#[test]
fn inputs_and_numbers_that_do_not_belong_to_a_rule_are_refused() {
    let fields = |settings: &str| -> Vec<String> {
        parse("pairs", settings).check().into_iter().map(|problem| problem.field).collect()
    };
    assert_eq!(fields(""), ["questions", "votes"]);
    assert_eq!(fields("rule = 'argmax-argmin'\nscores = 's'\nvotes = 'v'"), ["votes"]);
    assert_eq!(
        fields("questions = 'q'\nvotes = 'v'\nformat = 'translation'\nprompt = 'x'\nprompts.sw = 'y'"),
        ["format", "prompt", "prompts.sw"]
    );
    let numbers = "rule = 'random-parallel'\nquestions = 'q'\npasses = 0\ntrain = 0\nlanguages = ['en']\n\
                   exclude_languages = ['en']\nvalidation_fraction = 1.0\nmin_margin = nan";
    let wrong = ["exclude_languages", "validation_fraction", "min_margin", "passes", "train", "languages"];
    assert_eq!(fields(numbers), wrong);
}
