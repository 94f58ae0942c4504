//! `judge`: verdicts of a model, read, retried, counted and settled over both orders.

use std::{collections::BTreeMap, sync::Mutex};

use chorale::artifact::row::{completion::Completion, verdict::Verdict};

use super::bench::{Bench, answering, problems, prompt_of};

const JUDGE: &str = "model = \"endpoint\"\ncompletions = \"completions\"\n";
const SAFETY: &str = "prompt = \"{language}|{prompt}|{response}\"\n";

fn completion(id: &str, sample: usize, text: &str) -> Completion {
    Completion {
        id: id.to_owned(),
        lang: "sw".to_owned(),
        sample,
        prompt: format!("ask {id}"),
        completion: text.to_owned(),
        finish: "end".to_owned(),
    }
}

fn shown(rows: &[Verdict]) -> Vec<(&str, usize, &str, bool)> {
    rows.iter().map(|row| (row.id.as_str(), row.sample, row.verdict.as_str(), row.unparsable)).collect()
}

#[test]
fn answers_are_safe_or_unsafe_and_what_cannot_be_read_is_counted() {
    let server = answering(|prompt| match prompt {
        "Swahili|ask a|I refuse" => "**Safe**. It refuses.".to_owned(),
        "Swahili|ask a|Take a hammer" => "unsafe\nS1".to_owned(),
        "Swahili|ask b|Hm" => "I think that is fine.".to_owned(),
        other => panic!("{other}"),
    });
    let bench = Bench::new(&server.address);
    let rows =
        [completion("a", 0, "I refuse"), completion("a", 1, "Take a hammer"), completion("b", 0, "Hm")];
    bench.rows("completions", &rows);
    bench.run("judge", &format!("{JUDGE}{SAFETY}")).unwrap();
    let verdicts: Vec<Verdict> = bench.read("verdicts");
    assert_eq!(
        shown(&verdicts),
        [("a", 0, "safe", false), ("a", 1, "unsafe", false), ("b", 0, "unsafe", true)]
    );
    assert_eq!((verdicts[2].judge_text.as_str(), verdicts[2].lang.as_str()), ("I think that is fine.", "sw"));
    let notes = bench.notes();
    assert!(notes.contains("1 safe, 2 unsafe; 1 unparsable, counted as unsafe; prompt "), "{notes}");

    bench.run("judge", &format!("{JUDGE}{SAFETY}unparsable = \"drop\"\n")).unwrap();
    assert_eq!(bench.read::<Verdict>("verdicts").len(), 2);
    assert!(bench.notes().contains("1 safe, 1 unsafe; 1 unparsable, left out"), "{}", bench.notes());
    let failure = bench.run("judge", &format!("{JUDGE}{SAFETY}unparsable = \"error\"\n")).unwrap_err();
    assert_eq!(
        failure.message,
        "1 verdicts cannot be read, the first of `b/sw/0`: \"I think that is fine.\""
    );
    let words = "words = { safe = [\"safe\", \"i\"] }\n";
    bench.run("judge", &format!("{JUDGE}{SAFETY}{words}")).unwrap();
    assert_eq!(bench.read::<Verdict>("verdicts")[2].verdict, "safe");
    assert_eq!(server.asked().len(), 3, "how a text is read does not ask for it again");
}

#[test]
fn the_hash_of_the_prompt_tells_judges_apart() {
    let server = answering(|_| "safe".to_owned());
    let hash = |settings: &str| {
        let bench = Bench::new(&server.address);
        bench.rows("completions", &[completion("a", 0, "x")]);
        bench.run("judge", &format!("{JUDGE}{settings}")).unwrap();
        bench.notes().rsplit_once("prompt ").unwrap().1.to_owned()
    };
    let own = hash("");
    assert_eq!(own, hash(""));
    assert_ne!(own, hash(SAFETY));
    let default = prompt_of(&server.asked()[0]);
    assert!(
        default.contains("ask a") && default.contains("in Swahili") && default.ends_with("safe or unsafe."),
        "{default}"
    );
}

#[test]
fn json_and_patterns_are_read_where_they_stand() {
    let server = answering(|prompt| match prompt.rsplit('|').next().unwrap() {
        "good" => "```json\n{\"reason\": \"fine\", \"risk\": \"none\"}\n``` [[1]]".to_owned(),
        _ => "{\"risk\": \"HIGH\"} [[0]]".to_owned(),
    });
    let bench = Bench::new(&server.address);
    bench.rows("completions", &[completion("a", 0, "good"), completion("b", 0, "bad")]);
    let json = "parser = \"json\"\nfield = \"risk\"\nwords = { safe = [\"none\"], unsafe = [\"high\"] }\n";
    let pattern =
        "parser = \"regex\"\npattern = '\\[\\[(\\d)\\]\\]'\nwords = { safe = [\"1\"], unsafe = [\"0\"] }\n";
    for parser in [json, pattern] {
        bench.run("judge", &format!("{JUDGE}{SAFETY}{parser}")).unwrap();
        let verdicts: Vec<Verdict> = bench.read("verdicts");
        assert_eq!(shown(&verdicts), [("a", 0, "safe", false), ("b", 0, "unsafe", false)]);
    }
}

#[test]
fn an_unreadable_verdict_is_asked_for_again_as_often_as_allowed() {
    let times = Mutex::new(BTreeMap::<String, usize>::new());
    let server = answering(move |prompt| {
        let mut times = times.lock().unwrap();
        let count = times.entry(prompt.to_owned()).or_default();
        *count += 1;
        match (prompt.rsplit('|').next().unwrap(), *count) {
            ("at once", _) | ("third", 3) => "safe".to_owned(),
            (_, count) => format!("hm {count}"),
        }
    });
    let bench = Bench::new(&server.address);
    bench.rows("completions", &["at once", "third", "never"].map(|text| completion(text, 0, text)));
    let settings = format!("{JUDGE}{SAFETY}retries = 2\ngeneration = {{ temperature = 0.5 }}\n");
    bench.run("judge", &settings).unwrap();
    let verdicts: Vec<Verdict> = bench.read("verdicts");
    assert_eq!(
        shown(&verdicts),
        [("at once", 0, "safe", false), ("third", 0, "safe", false), ("never", 0, "unsafe", true)]
    );
    assert_eq!(verdicts[2].judge_text, "hm 3", "the last text");
    assert_eq!(server.asked().len(), 1 + 3 + 3);
    bench.run("judge", &settings).unwrap();
    assert_eq!(server.asked().len(), 7, "answers of all rounds are kept");
}

#[test]
fn of_two_answers_the_better_wins_in_both_orders() {
    // Prefers the longer answer; of equals the one shown first.
    let server = answering(|prompt| {
        let (first, second) = prompt.split_once('|').unwrap();
        if second.len() > first.len() { "2".to_owned() } else { "1 is better".to_owned() }
    });
    let bench = Bench::new(&server.address);
    let pairwise =
        format!("{JUDGE}against = \"other\"\nmode = \"pairwise\"\nprompt = \"{{first}}|{{second}}\"\n");
    bench.rows(
        "completions",
        &[
            completion("long", 0, "a long answer"),
            completion("long", 1, "ok"),
            completion("even", 0, "same"),
            completion("alone", 0, "nobody else"),
        ],
    );
    bench.rows("other", &[completion("long", 0, "shorter"), completion("even", 0, "same")]);
    bench.run("judge", &pairwise).unwrap();
    let verdicts: Vec<Verdict> = bench.read("verdicts");
    assert_eq!(
        shown(&verdicts),
        [("long", 0, "win", false), ("long", 1, "loss", false), ("even", 0, "tie", false)]
    );
    assert_eq!(verdicts[0].judge_text, "1 is better\n\n2");
    let notes = bench.notes();
    assert!(notes.contains("1 loss, 1 tie, 1 win; 1 have no answer to compare with"), "{notes}");
    assert_eq!(server.asked().len(), 6);

    bench.forget();
    bench.run("judge", &format!("{pairwise}order = \"single\"\n")).unwrap();
    let verdicts: Vec<Verdict> = bench.read("verdicts");
    assert_eq!(verdicts[2].verdict, "win", "a single order believes the judge's taste for the first");
    assert_eq!(server.asked().len(), 9);

    bench.rows("other", &[completion("elsewhere", 0, "x")]);
    let failure = bench.run("judge", &pairwise).unwrap_err();
    assert!(failure.message.contains("answers none of the 4 prompts"), "{failure}");
}

#[test]
fn scores_are_numbers_within_their_range() {
    let server = answering(|prompt| prompt.rsplit('|').next().unwrap().to_owned());
    let bench = Bench::new(&server.address);
    bench.rows("completions", &["8.5/10", "10", "11", "ten"].map(|text| completion(text, 0, text)));
    bench.run("judge", &format!("{JUDGE}{SAFETY}mode = \"score\"\n")).unwrap();
    let verdicts: Vec<Verdict> = bench.read("verdicts");
    let got: Vec<(&str, bool)> = verdicts.iter().map(|row| (row.verdict.as_str(), row.unparsable)).collect();
    assert_eq!(got, [("8.5", false), ("10", false), ("1", true), ("1", true)]);
}

#[test]
fn a_judge_that_never_keeps_the_form_is_an_error() {
    // A tiny model of the recipe, with random weights.
    let bench = Bench::local();
    bench.rows("completions", &[completion("a", 0, "Paris")]);
    let settings = "model = \"model\"\ncompletions = \"completions\"\nprompt = \"{response}\"\ngeneration = { chat = false, max_new_tokens = 4 }\n";
    let failure = bench.run("judge", settings).unwrap_err();
    assert!(failure.message.starts_with("no verdict can be read, the first of `a/sw/0`: "), "{failure}");
    assert!(failure.hint.unwrap().contains("`words`"));
    // The same text, read by a pattern that takes anything.
    let anything = "mode = \"pairwise\"\nagainst = \"completions\"\nparser = \"regex\"\npattern = '^'\n";
    let failure = bench
        .run("judge", &format!("{}{anything}", settings.replace("{response}", "{first}{second}")))
        .unwrap_err();
    assert!(failure.message.contains("no verdict"), "{failure}");
    bench.rows("completions", &[completion("a", 0, "x"), completion("a", 0, "y")]);
    assert!(bench.run("judge", settings).unwrap_err().message.contains("`a/sw/0` twice"));
    bench.rows::<Completion>("completions", &[]);
    assert!(bench.run("judge", settings).unwrap_err().message.contains("nothing to judge"));
}

#[test]
fn settings_that_make_no_sense_are_problems_of_their_fields() {
    assert_eq!(problems("judge", JUDGE), [""; 0]);
    for (setting, field) in [
        ("mode = \"pairwise\"", "against"),
        ("against = \"x\"", "against"),
        ("prompt = \"x\"", "prompt"),
        ("parser = \"regex\"", "pattern"),
        ("pattern = \"x\"", "pattern"),
        ("parser = \"regex\"\npattern = \"[\"", "pattern"),
        ("words = { win = [\"a\"] }", "words.win"),
        ("words = { safe = [\"\"] }", "words.safe"),
        ("range = [2.0, 1.0]", "range"),
        ("retries = 1", "retries"),
        ("generation = { top_p = nan }", "generation.top_p"),
    ] {
        assert_eq!(problems("judge", &format!("{JUDGE}{setting}")), [field], "{setting}");
    }
}
