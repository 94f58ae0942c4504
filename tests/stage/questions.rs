//! What `dataset` checks about questions, and how it divides and words them.

#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::artifact::row::question::Question;

use super::support::{Bench, parse};

/// Writes `rows.jsonl`: id, language, question, candidates, answer.
fn rows(bench: &Bench, rows: &[(&str, &str, &str, &[&str], usize)]) {
    let line = |(id, lang, question, choices, answer): &(&str, &str, &str, &[&str], usize)| {
        serde_json::json!({"id": id, "lang": lang, "question": question, "choices": choices, "answer": answer})
            .to_string()
            + "\n"
    };
    bench.file("rows.jsonl", rows.iter().map(line).collect::<String>());
}

const FILE: &str = "rows = 'questions'\nfile = 'rows.jsonl'\n";

fn run(bench: &Bench, more: &str) -> Vec<Question> {
    bench.run("dataset", &(FILE.to_owned() + more)).unwrap();
    bench.read("questions")
}

#[test]
fn candidates_that_read_the_same_are_kept_merged_dropped_or_refused() {
    let bench = Bench::new();
    // In Swahili the second and third candidates of question 1 read the same; the third is right.
    rows(
        &bench,
        &[
            ("1", "en", "?", &["a", "b", "c", "d"], 2),
            ("1", "sw", "?", &["w", "X", " x ", "z"], 2),
            ("2", "en", "?", &["a", "b"], 0),
            ("2", "sw", "?", &["w", "x"], 0),
        ],
    );
    assert_eq!(run(&bench, "").len(), 4);
    assert!(
        bench
            .notes()
            .contains("1 questions have two candidates that read the same in some language; they stay")
    );
    let merged = run(&bench, "duplicates = 'merge'");
    assert_eq!((merged[0].choices.join(" "), merged[0].answer), ("a b d".to_owned(), Some(1)));
    assert_eq!((merged[1].choices.join(" "), merged[1].answer), ("w X z".to_owned(), Some(1)));
    assert_eq!(run(&bench, "duplicates = 'drop'").len(), 2);
    assert!(bench.notes().contains("dropped 1 questions with two candidates that read the same; the first: question `1` has the candidate `x` twice in `sw`"));
    let (message, hint) = bench.failure("dataset", &(FILE.to_owned() + "duplicates = 'error'"));
    assert!(message.ends_with("rows.jsonl:2: question `1` has the candidate `x` twice in `sw`"), "{message}");
    assert!(hint.contains("merge"));
}

#[test]
fn misaligned_questions_are_refused_dropped_or_kept() {
    let bench = Bench::new();
    rows(
        &bench,
        &[
            ("1", "en", "?", &["a", "b", "c"], 0),
            ("1", "fr", "?", &["a", "b"], 0),
            ("2", "en", "?", &["a", "b"], 0),
            ("2", "fr", "?", &["a", "b"], 1),
            ("3", "en", "?", &["a", "b"], 0),
            ("3", "fr", "?", &["a", "b"], 0),
        ],
    );
    assert!(bench.failure("dataset", FILE).0.contains("question `1` has 2 candidates in `fr` but 3 in `en`"));
    assert_eq!(run(&bench, "misaligned = 'drop'").len(), 2);
    assert!(bench.notes().contains("dropped 2 questions whose candidates differ between languages"));
    assert_eq!(run(&bench, "misaligned = 'keep'").len(), 6);
}

#[test]
fn language_lists_that_differ_per_row_are_refused_dropped_or_kept() {
    let bench = Bench::new();
    rows(
        &bench,
        &[
            ("1", "en", "?", &[], 0),
            ("1", "fr", "?", &[], 0),
            ("2", "en", "?", &[], 0),
            ("3", "de", "?", &[], 0),
        ],
    );
    assert!(bench.failure("dataset", FILE).0.contains("question `1` is missing in `de`"));
    assert_eq!(run(&bench, "missing = 'keep'").len(), 4);
    assert!(
        bench
            .failure("dataset", &(FILE.to_owned() + "missing = 'drop'"))
            .0
            .contains("none of 4 questions is left")
    );
    assert_eq!(run(&bench, "missing = 'drop'\nonly = ['en', 'fr']").len(), 2);
}

#[test]
fn records_that_cannot_be_read_end_the_stage_or_leave_in_all_languages() {
    let bench = Bench::new();
    let cells = |answer: &str| {
        format!(
            "Prompt,Ans,Candidate Ans\nX is in,{answer},\"['Paris', 'Rome']\"\nY is in,Rome,\"['Paris', 'Rome']\"\n"
        )
    };
    bench.file("en.csv", cells("Bern"));
    bench.file("fr.csv", cells("Rome"));
    let files = "preset = 'dco'\nfiles = {en = 'en.csv', fr = 'fr.csv'}\n";
    let (message, hint) = bench.failure("dataset", files);
    assert!(message.ends_with("en.csv:2: the answer `Bern` is not among the 2 candidates"), "{message}");
    assert!(hint.contains("invalid = \"drop\""), "{hint}");
    bench.run("dataset", &(files.to_owned() + "invalid = 'drop'")).unwrap();
    let kept: Vec<Question> = bench.read("questions");
    assert_eq!(kept.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["2", "2"]);
    let notes = bench.notes();
    assert!(notes.contains("dropped 1 records that cannot be read; the first: "), "{notes}");
    assert!(notes.contains("dropped 1 questions that cannot be read in some language"), "{notes}");
    // Two right answers: the text of the answer stands twice among the candidates.
    bench.file("two.csv", "Prompt,Ans,Candidate Ans\nX is in,Rome,\"['Rome', 'Rome']\"\n");
    assert!(
        bench.failure("dataset", "preset = 'dco'\nfiles = {en = 'two.csv'}").0.contains("is there twice")
    );
    bench.file("all.csv", "Prompt,Ans,Candidate Ans\nX is in,Rome,\"['Bern'\"\n");
    let failure = bench.failure("dataset", "preset = 'dco'\nfiles = {en = 'all.csv'}\ninvalid = 'drop'");
    assert!(
        failure.0.contains("nothing to read") && failure.1.contains("not a list as Python writes it"),
        "{failure:?}"
    );
}

#[test]
fn one_candidate_is_too_few_where_a_recipe_says_so() {
    let bench = Bench::new();
    rows(&bench, &[("1", "en", "?", &["a"], 0), ("2", "en", "?", &["a", "b"], 1)]);
    assert_eq!(run(&bench, "").len(), 2);
    assert_eq!(run(&bench, "min_candidates = 2")[0].id, "2");
    assert!(
        bench.notes().contains("dropped 1 questions with too few candidates; the first: question `1` has 1")
    );
}

#[test]
fn a_shuffle_is_the_same_in_every_language_and_follows_the_answer() {
    let bench = Bench::new();
    let many: Vec<String> = (0..40).map(|id| id.to_string()).collect();
    let mut all = Vec::new();
    for id in &many {
        all.push((id.as_str(), "en", "?", &["a", "b", "c", "right"][..], 3));
        all.push((id.as_str(), "fr", "?", &["A", "B", "C", "juste"][..], 3));
    }
    rows(&bench, &all);
    let shuffled = run(&bench, "shuffle = 1");
    let mut places = [0; 4];
    for pair in shuffled.chunks(2) {
        let at = pair[0].answer.unwrap();
        assert_eq!((pair[0].choices[at].as_str(), pair[1].choices[at].as_str()), ("right", "juste"));
        let upper: Vec<String> = pair[0].choices.iter().map(|choice| choice.to_uppercase()).collect();
        assert!(upper.iter().zip(&pair[1].choices).all(|(a, b)| a == b || a == "RIGHT"));
        places[at] += 1;
    }
    assert!(places.iter().all(|count| *count > 3), "{places:?}");
    assert_eq!(run(&bench, "shuffle = 1"), shuffled);
    assert_ne!(run(&bench, "shuffle = 2"), shuffled);
}

#[test]
fn splits_are_drawn_as_python_draws_them_or_listed_or_by_share() {
    let bench = Bench::new();
    let ids: Vec<String> = (0..10).map(|id| format!("q{id}")).collect();
    let mut all = Vec::new();
    for id in &ids {
        all.push((id.as_str(), "en", "?", &["a", "b"][..], 0));
        all.push((id.as_str(), "fr", "?", &["a", "b"][..], 0));
    }
    rows(&bench, &all);
    let train = |more: &str| -> Vec<String> {
        let of = run(&bench, more).into_iter().filter(|row| row.split == "train" && row.lang == "fr");
        of.map(|row| row.id).collect()
    };
    // python3 -c "import random; random.seed(0); print(sorted(random.sample(range(10), 4)))" -> [0, 2, 6, 9]
    assert_eq!(train("split = {sample = 4, seed = 0}"), PYTHON_SAMPLE);
    // A question that is dropped afterwards was drawn from all the same.
    let mut fewer = all.clone();
    fewer.remove(1);
    rows(&bench, &fewer);
    let kept = train("split = {sample = 4, seed = 0}\nmissing = 'drop'");
    assert_eq!(kept, &PYTHON_SAMPLE[usize::from(PYTHON_SAMPLE[0] == "q0")..]);
    rows(&bench, &all);
    bench.file("ids.txt", "q7\n q2 \n\n");
    assert_eq!(train("train_ids = 'ids.txt'"), ["q2", "q7"]);
    bench.file("ids.json", "[\"q1\"]");
    assert_eq!(train("train_ids = 'ids.json'"), ["q1"]);
    bench.file("ids.json", "[\"q1\", 77]");
    assert!(
        bench
            .failure("dataset", &(FILE.to_owned() + "train_ids = 'ids.json'"))
            .0
            .ends_with("no question has the id `77`")
    );
    assert_eq!(train("split = {share = 1.0}").len(), 10);
    let half = train("split = {share = 0.5, seed = 3}");
    assert!((2..=8).contains(&half.len()), "{half:?}");
    rows(&bench, &all[..10]);
    let first_half = train("split = {share = 0.5, seed = 3}");
    assert!(first_half.iter().all(|id| half.contains(id)), "a share does not depend on the rest of the data");
    assert!(
        bench
            .failure("dataset", &(FILE.to_owned() + "split = {sample = 6}"))
            .0
            .contains("6 questions cannot be drawn")
    );
}

const PYTHON_SAMPLE: [&str; 4] = ["q0", "q2", "q6", "q9"];

#[test]
fn prompts_are_worded_as_a_recipe_says() {
    let bench = Bench::new();
    rows(&bench, &[("1", "en", "Where?", &["here", "there"], 0), ("1", "fr", "Où ?", &["ici", "là"], 0)]);
    let prompt = |settings: &str| run(&bench, &format!("prompt = {{{settings}}}"));
    let both = prompt("style = 'lines', candidates = 'letters', question_label = true");
    assert_eq!(both[0].question, "Question: Where?\nA. here\nB. there\nAnswer:");
    assert_eq!(both[1].question, "Question: Où ?\nA. ici\nB. là\nRéponse:");
    assert_eq!(both[1].choices, [" A", " B"]);
    let both = prompt("style = 'brackets', cues = {fr = 'R :'}, instructions = {en = 'Say.', fr = 'Dis.'}");
    assert_eq!(both[1].question, "Dis.\nOù ?\n(A) ici\n(B) là\nR :");
    assert_eq!(both[0].choices, [" here", " there"]);
    let both = prompt("answer_cue = false, leading_blank = false");
    assert_eq!((both[0].question.as_str(), both[0].choices[0].as_str()), ("Where?", "here"));
    for (settings, message) in [
        ("instructions = {en = 'Say.'}", "`prompt.instructions` says nothing for `fr`"),
        ("style = 'published'", "the data set has no wording of its own"),
        ("style = 'prefix'", "`prefix` is for clozes"),
    ] {
        let failure = bench.failure("dataset", &format!("{FILE}prompt = {{{settings}}}"));
        assert!(failure.0.contains(message) && !failure.1.is_empty(), "{failure:?}");
    }
    rows(&bench, &[("1", "tpi", "We?", &["a", "b"], 0)]);
    assert!(
        bench
            .failure("dataset", &format!("{FILE}prompt = {{}}"))
            .0
            .contains("`prompt.cues` says nothing for `tpi`")
    );
}

#[test]
fn one_record_may_hold_all_languages() {
    let bench = Bench::new();
    bench.file("rows.csv", "id,English,Deutsch\n7,Hello,Hallo\n8,Bye,Tschüss\n");
    bench
        .run("dataset", "rows = 'texts'\nfile = 'rows.csv'\ncolumns = {en = 'English', de = 'Deutsch'}")
        .unwrap();
    let texts: Vec<chorale::artifact::row::text::Text> = bench.read("texts");
    let german = texts.iter().find(|text| text.lang == "de" && text.id == "8").unwrap();
    assert_eq!((texts.len(), german.text.as_str()), (4, "Tschüss"));
    let failure = bench.failure("dataset", "rows = 'texts'\nfile = 'rows.csv'\ncolumns = {fr = 'Français'}");
    assert!(failure.0.ends_with("rows.csv:2: there is no column `Français`"), "{failure:?}");
}

#[test]
fn folders_are_searched_by_pattern() {
    let bench = Bench::new();
    bench.file("train-en.csv", "question\nHi?\n");
    bench.file("train-zh_CN.csv", "question\n好？\n");
    bench.file("notes.md", "nothing");
    let settings = "rows = 'questions'\nfolder = '.'\npattern = 'train-{lang}.csv'\nplain_languages = true\n";
    bench.run("dataset", settings).unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!(rows.iter().map(|row| row.lang.as_str()).collect::<Vec<_>>(), ["en", "zh"]);
    let (message, hint) = bench.failure("dataset", &settings.replace("train-", "test-"));
    assert!(
        message.contains("is called like test-{lang}.csv") && hint.contains("notes.md"),
        "{message} {hint}"
    );
}

#[test]
fn settings_that_make_no_sense_are_found_before_anything_runs() {
    for (settings, field) in [
        ("file = 'x'", "rows"),
        ("preset = 'mgsm'", "file"),
        ("preset = 'mgsm'\nfile = 'x'\nfolder = 'y'", "folder"),
        ("rows = 'questions'\nfolder = 'y'", "pattern"),
        ("preset = 'pud'\nfolder = 'y'\nshuffle = 1", "shuffle"),
        ("rows = 'questions'\nfile = 'x'\nsplit = {sample = 1, share = 0.5}", "split"),
        ("rows = 'questions'\nfile = 'x'\nsplit = {share = 1.5}", "split.share"),
        ("rows = 'questions'\nfile = 'x'\nsplit = {sample = 1, names = ['a', 'a']}", "split.names"),
        ("preset = 'medqa'\nfolder = 'x'\nshuffle = 1\nprompt = {style = 'published'}", "prompt.style"),
    ] {
        let problems = parse("dataset", settings).check();
        assert_eq!(
            problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(),
            [field],
            "{settings}"
        );
    }
}
