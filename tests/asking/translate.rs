//! `translate`: aligned data, a model of the recipe and one behind an endpoint; what gates hold back and why.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chorale::artifact::row::{
    question::Question,
    rejection::Rejection,
    text::Text,
    translation::Translation,
    vote::{Ballot, Vote},
};

use super::bench::{Bench, answering, problems, prompt_of, question, reply};
use crate::support::server::{Reply, Server};

const QUESTIONS: &str = "questions = \"questions\"\nmodel = \"endpoint\"\n";
const TEXTS: &str = "texts = \"texts\"\nmodel = \"endpoint\"\n";
/// A prompt that a server can take apart.
const PROMPT: &str = "prompt = \"{source_language}>{target_language}>{text}\"\n";

fn quiz(id: &str, lang: &str, texts: [&str; 4], answer: usize) -> Question {
    Question {
        choices: texts.iter().skip(1).map(|&text| text.to_owned()).collect(),
        answer: Some(answer),
        choice_ids: ["x", "y", "z"].map(str::to_owned).to_vec(),
        split: "train".to_owned(),
        ..question(id, lang, texts[0])
    }
}

fn text(id: &str, lang: &str, text: &str) -> Text {
    Text { id: id.to_owned(), lang: lang.to_owned(), text: text.to_owned() }
}

/// Source language, target language and text of a prompt of [`PROMPT`].
fn fields(prompt: &str) -> (String, String, String) {
    let mut parts = prompt.splitn(3, '>').map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

/// A translator that puts the target language before the text, and takes it off again on the way back.
fn marking() -> Server {
    answering(|prompt| {
        let (from, to, text) = fields(prompt);
        match text.strip_prefix(&format!("{from}:")) {
            Some(original) => original.to_owned(),
            None => format!(" {to}:{text}\n"),
        }
    })
}

#[test]
fn a_model_translates_questions_with_their_candidates() {
    let server = marking();
    let bench = Bench::new(&server.address);
    let all = [
        quiz("b", "en", ["Capital of {France}?", " Paris", " Rome", " Oslo"], 0),
        quiz("a", "en", ["Capital of Italy?", " Paris", " Rome", " Oslo"], 1),
        quiz("a", "fr", ["Capitale de l'Italie ?", " Paris", " Rome", " Oslo"], 1),
    ];
    bench.rows("questions", &all);
    let settings =
        format!("{QUESTIONS}{PROMPT}languages = [\"sw\", \"ja\", \"en\"]\nsource_language = \"en\"\n");
    bench.run("translate", &settings).unwrap();
    let rows: Vec<Question> = bench.read("questions");
    let order: Vec<(&str, &str)> = rows.iter().map(|row| (row.lang.as_str(), row.id.as_str())).collect();
    assert_eq!(order, [("sw", "b"), ("sw", "a"), ("ja", "b"), ("ja", "a"), ("en", "b"), ("en", "a")]);
    let expected = Question {
        lang: "sw".to_owned(),
        question: "Swahili:Capital of {France}?".to_owned(),
        choices: [" Swahili:Paris", " Swahili:Rome", " Swahili:Oslo"].map(str::to_owned).to_vec(),
        ..all[0].clone()
    };
    assert_eq!(rows[0], expected);
    assert_eq!(rows[3].choices[1], "Japanese:Rome", "no blank stands before words in Japanese");
    assert_eq!(rows[4..], all[..2], "what is in the language already stays as it is");
    assert_eq!(server.asked().len(), 16);
    assert!(server.asked().iter().all(|asked| asked.path == "/chat/completions"));
    assert_eq!(bench.read::<Rejection>("rejected"), []);
    assert!(
        bench.notes().contains("6 of 6 rows are there: 0 from aligned data, 4 by the model, 2 as they were"),
        "{}",
        bench.notes()
    );
}

#[test]
fn aligned_data_are_looked_up_and_a_model_fills_the_gaps() {
    let server = marking();
    let bench = Bench::new(&server.address);
    bench.rows(
        "questions",
        &[
            quiz("a", "en", ["A?", "x", "y", "z"], 0),
            quiz("b", "en", ["B?", "x", "y", "z"], 1),
            quiz("c", "en", ["C?", "x", "y", "z"], 2),
        ],
    );
    let aligned = [
        quiz("a", "jpn", ["えー？", "エ", "ビ", "シ"], 0),
        quiz("c", "ja", ["しー？", "エ", "ビ", "シ"], 0),
        question("d", "ja", "でぃー？"),
    ];
    bench.rows("questions-ja", &aligned);
    let lookup = "questions = \"questions\"\nparallel = \"questions-ja\"\nlanguages = [\"ja\"]\n";
    bench.run("translate", lookup).unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].question.as_str(), rows[0].choices[1].as_str(), rows[0].answer),
        ("えー？", "ビ", Some(0))
    );
    let rejected: Vec<Rejection> = bench.read("rejected");
    let reasons: Vec<(&str, &str)> =
        rejected.iter().map(|row| (row.id.as_str(), row.reason.as_str())).collect();
    let missing = "parallel: the aligned data have no such row in `ja`";
    assert_eq!(reasons, [("b", missing), ("c", "parallel: the right answer is candidate 0, not 2")]);
    assert!(bench.notes().contains("held back 2 by `parallel`"), "{}", bench.notes());
    assert_eq!(server.asked().len(), 0);

    bench.rows(
        "questions",
        &[quiz("a", "en", ["A?", "x", "y", "z"], 0), quiz("b", "en", ["B?", "x", "y", "z"], 1)],
    );
    bench.run("translate", &format!("{lookup}{PROMPT}model = \"endpoint\"\n")).unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!(rows[1].question, "Japanese:B?");
    assert_eq!(server.asked().len(), 4, "only what the data don't have");

    bench.rows("texts", &[text("t", "en", "one"), text("u", "en", "two")]);
    bench.rows("texts-sw", &[text("t", "sw", "moja"), text("u", "swa", "mbili")]);
    bench.run("translate", "texts = \"texts\"\nparallel = \"texts-sw\"\nlanguages = [\"sw\"]\n").unwrap();
    let rows: Vec<Translation> = bench.read("translations");
    let expected = Translation {
        id: "u".to_owned(),
        source_lang: "en".to_owned(),
        lang: "sw".to_owned(),
        source: "two".to_owned(),
        text: "mbili".to_owned(),
    };
    assert_eq!((rows.len(), &rows[1]), (2, &expected));
}

fn vote(id: &str, lang: &str, example: &str) -> Vote {
    Vote {
        id: id.to_owned(),
        answer: "A".to_owned(),
        count: 1,
        total: 1,
        tied: false,
        correct: None,
        counts: vec![("A".to_owned(), 1)],
        example_lang: lang.to_owned(),
        example_sample: 0,
        example: example.to_owned(),
        ballots: Vec::<Ballot>::new(),
    }
}

#[test]
fn of_a_vote_its_explanation_is_translated_or_its_example() {
    let server = marking();
    let bench = Bench::new(&server.address);
    bench.rows(
        "votes",
        &[
            vote("q1", "en", "Explanation: It is so.\nAnswer: A"),
            vote("q2", "fr", "Explication: Parce que.\nRéponse: B"),
            vote("q3", "en", "Answer: C"),
        ],
    );
    let settings = format!("votes = \"votes\"\nmodel = \"endpoint\"\n{PROMPT}languages = [\"en\", \"fr\"]\n");
    bench.run("translate", &settings).unwrap();
    let rows: Vec<Translation> = bench.read("translations");
    let got: Vec<(&str, &str, &str, &str)> = rows
        .iter()
        .map(|row| (row.id.as_str(), row.source_lang.as_str(), row.lang.as_str(), row.text.as_str()))
        .collect();
    let expected = [
        ("q1", "en", "en", "It is so."),
        ("q2", "fr", "en", "English:Parce que."),
        ("q1", "en", "fr", "French:It is so."),
        ("q2", "fr", "fr", "Parce que."),
    ];
    assert_eq!(got, expected);
    let rejected: Vec<Rejection> = bench.read("rejected");
    assert_eq!(rejected.len(), 2);
    assert!(
        rejected.iter().all(|row| row.id == "q3" && row.reason == "source: there is nothing to translate")
    );

    bench.forget();
    bench
        .run("translate", &format!("{settings}part = \"example\"\nsame_language = \"translate\"\n"))
        .unwrap();
    let rows: Vec<Translation> = bench.read("translations");
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0].text, "English:Explanation: It is so.\nAnswer: A");
}

#[test]
fn what_gates_hold_back_is_kept_with_the_reason() {
    let server = answering(|prompt| {
        let (from, _, text) = fields(prompt);
        let say = |words: &str| words.to_owned();
        match (from.as_str(), text.as_str()) {
            ("English", "The year 1984") => say("Год 1984"),
            ("English", "The year 1985") => say("Год 1984!"),
            ("English", "The {name} here") => say("Вот {имя}"),
            ("English", "Not translated at all") => say("Not translated at all"),
            ("English", "Silence") => say("  "),
            ("English", "Long") => say("Очень, очень, очень длинно"),
            ("English", "Refuse") => say("Ошибка!"),
            ("English", _) => say("Собака лает"),
            (_, "Год 1984") => say("The year 1984"),
            (_, _) => say("Something else entirely"),
        }
    });
    let bench = Bench::new(&server.address);
    let sources = [
        "The year 1984",
        "The year 1985",
        "The {name} here",
        "Not translated at all",
        "Silence",
        "Long",
        "Refuse",
        "Cats are nice",
    ];
    let rows: Vec<Text> =
        sources.iter().enumerate().map(|(index, source)| text(&format!("t{index}"), "en", source)).collect();
    bench.rows("texts", &rows);
    let gates = "[gates]\nlength_ratio = [0.2, 3.0]\nscript = 0.5\nnumbers = true\nplaceholders = true\n\
        error_markers = [\"ошибка\"]\nround_trip = 0.5\n";
    bench.run("translate", &format!("{TEXTS}{PROMPT}languages = [\"ru\"]\n{gates}")).unwrap();
    let rows: Vec<Translation> = bench.read("translations");
    assert_eq!(rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["Год 1984"]);
    let rejected: Vec<Rejection> = bench.read("rejected");
    let gates: Vec<&str> = rejected.iter().map(|row| row.reason.split(':').next().unwrap()).collect();
    assert_eq!(
        gates,
        ["numbers", "placeholders", "script", "empty", "length_ratio", "error_markers", "round_trip"]
    );
    assert_eq!((rejected[0].source.as_str(), rejected[0].text.as_str()), ("The year 1985", "Год 1984!"));
    assert_eq!((rejected[0].part.as_str(), rejected[0].lang.as_str()), ("text", "ru"));
    assert!(rejected[6].reason.contains("Something else entirely"), "{}", rejected[6].reason);
    for gate in gates {
        assert!(bench.notes().contains(&format!("1 by `{gate}`")), "{gate} in {}", bench.notes());
    }
    assert_eq!(server.asked().len(), 8 + 2, "only what passed the other gates is translated back");
}

#[test]
fn a_question_goes_as_a_whole() {
    let server = answering(|prompt| {
        let (_, _, text) = fields(prompt);
        match text.as_str() {
            "bank" | "shore" => "Ufer".to_owned(),
            "" => String::new(),
            other => other.to_uppercase(),
        }
    });
    let bench = Bench::new(&server.address);
    bench.rows(
        "questions",
        &[
            quiz("same", "en", ["Where?", "bank", "shore", "sea"], 0),
            quiz("good", "en", ["Where?", "bank", "hill", "sea"], 0),
            quiz("void", "en", ["Where?", "bank", " ", "sea"], 0),
        ],
    );
    bench.run("translate", &format!("{QUESTIONS}{PROMPT}languages = [\"de\"]\n")).unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["good"]);
    let rejected: Vec<Rejection> = bench.read("rejected");
    let got: Vec<(&str, &str, &str)> =
        rejected.iter().map(|row| (row.id.as_str(), row.part.as_str(), row.reason.as_str())).collect();
    let expected = [
        ("same", "question", "distinct_choices: candidates 0 and 1 have become the same: Ufer"),
        ("void", "choice 1", "source: there is nothing to translate"),
    ];
    assert_eq!(got, expected);
}

#[test]
fn an_interrupted_translation_goes_on_where_it_was() {
    let left = Arc::new(AtomicUsize::new(5));
    let answers = Arc::clone(&left);
    let server = Server::new(move |asked| {
        let some = answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let (_, to, text) = fields(&prompt_of(asked));
        if some.is_ok() { reply(asked, &[format!("{to}:{text}")]) } else { Reply::status(503) }
    });
    let bench = Bench::new(&server.address);
    let rows: Vec<Text> =
        (0..6).map(|index| text(&format!("t{index}"), "en", &format!("text {index}"))).collect();
    bench.rows("texts", &rows);
    let settings = format!("{TEXTS}{PROMPT}languages = [\"sw\", \"yo\"]\n");
    bench.run("translate", &settings).unwrap_err();
    let before = server.asked().len();
    left.store(100, Ordering::SeqCst);
    bench.run("translate", &settings).unwrap();
    assert_eq!(server.asked().len() - before, 12 - 5);
    let rows: Vec<Translation> = bench.read("translations");
    assert_eq!(rows.len(), 12);
    assert_eq!((rows[7].lang.as_str(), rows[7].text.as_str()), ("yo", "Yoruba:text 1"));
}

#[test]
fn a_model_of_the_recipe_translates_too() {
    let bench = Bench::local();
    bench.rows("texts", &[text("t", "en", "France"), text("u", "en", "Paris")]);
    let settings = "texts = \"texts\"\nmodel = \"model\"\nlanguages = [\"ja\", \"en\"]\nprompt = \"{target_language}: {text}\"\n\
        generation = { chat = false, max_new_tokens = 5 }\ngates = { empty = false }\n";
    bench.run("translate", settings).unwrap();
    let rows: Vec<Translation> = bench.read("translations");
    assert_eq!(rows.len(), 4);
    assert_eq!((rows[3].text.as_str(), rows[3].source.as_str()), ("Paris", "Paris"));
    // What `sample` writes after the same prompt.
    bench.rows(
        "questions",
        &[question("t", "en", "Japanese: France"), question("u", "en", "Japanese: Paris")],
    );
    bench.forget();
    bench
        .run(
            "sample",
            "model = \"model\"\nquestions = \"questions\"\ntemperature = 0.0\nmax_new_tokens = 5\n",
        )
        .unwrap();
    let samples: Vec<chorale::artifact::row::completion::Completion> = bench.read("completions");
    for (row, sample) in rows.iter().zip(&samples) {
        assert_eq!(row.text, sample.completion.trim());
    }
    bench.forget();
    let failure = bench.run("translate", &settings.replace("chat = false", "chat = true")).unwrap_err();
    assert!(failure.message.contains("chat"), "{failure}");
}

#[test]
fn rows_that_cannot_be_told_apart_or_are_not_there_are_errors() {
    let bench = Bench::new("http://127.0.0.1:9");
    let fails = |settings: &str, message: &str, hint: &str| {
        let failure = bench.run("translate", settings).unwrap_err();
        assert!(failure.message.contains(message), "{failure}");
        assert!(failure.hint.as_deref().unwrap_or_default().contains(hint), "{failure:?}");
    };
    bench.rows("texts", &[text("t", "en", "one"), text("t", "fr", "un")]);
    let settings = format!("{TEXTS}languages = [\"sw\"]\n");
    fails(&settings, "row `t` is there more than once", "source_language");
    fails(&format!("{settings}source_language = \"de\"\n"), "no row in `de`", "source_language");
    bench.rows("texts", &[text("t", "klingon", "one")]);
    fails(&settings, "row `t`: unknown language code: `klingon`", "");
    bench.rows("texts", &[text("t", "en", "one")]);
    bench.rows("texts-sw", &[text("u", "sw", "a"), text("u", "sw", "b")]);
    let lookup = "texts = \"texts\"\nparallel = \"texts-sw\"\nlanguages = [\"sw\"]\n";
    fails(lookup, "`u` of `parallel` is there twice in `sw`", "unique");
    bench.rows("texts-sw", &[text("u", "sw", "a")]);
    fails(lookup, "no translation is left of 1: held back 1 by `parallel`", "gates");
}

#[test]
fn settings_that_make_no_sense_are_problems_of_their_fields() {
    let base = "model = \"m\"\nlanguages = [\"sw\"]\n";
    assert_eq!(problems("translate", base), ["questions"]);
    assert_eq!(problems("translate", &format!("{base}texts = \"a\"\nvotes = \"b\"")), ["votes"]);
    let base = format!("{base}texts = \"t\"\n");
    assert_eq!(problems("translate", &base), [""; 0]);
    for (setting, field) in [
        ("splits = [\"a\"]", "splits"),
        ("prompt = \"x\"", "prompt"),
        ("generation = { top_p = 0.0 }", "generation.top_p"),
        ("gates = { length_ratio = [1.0, nan] }", "gates.length_ratio"),
        ("gates = { script = -0.1 }", "gates.script"),
        ("gates = { error_markers = [\"\"] }", "gates.error_markers"),
    ] {
        assert_eq!(problems("translate", &format!("{base}{setting}")), [field], "{setting}");
    }
    let lookup = "texts = \"t\"\nparallel = \"p\"\nlanguages = [\"sw\"]\ngates = { round_trip = 0.5 }";
    assert_eq!(problems("translate", lookup), ["gates.round_trip"]);
}
