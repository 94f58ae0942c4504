//! Published data sets as their presets read them: counts and rows against what their READMEs say.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path};

use chorale::{
    artifact::row::{completion::Completion, pair::Pair, question::Question, text::Text},
    task::benchmark::BENCHMARKS,
};

use super::support::{Bench, parse, shared_data};

fn settings(preset: &str, folder: &Path, more: &str) -> String {
    format!("preset = '{preset}'\nfolder = '{}'\n{more}", folder.display())
}

/// The questions of a preset and what was said about them.
fn questions(preset: &str, folder: &Path, more: &str) -> (Vec<Question>, String) {
    let bench = Bench::new();
    bench.run("dataset", &settings(preset, folder, more)).unwrap();
    (bench.read("questions"), bench.notes())
}

fn per_language(rows: &[Question]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.lang.as_str()).or_insert(0) += 1;
    }
    counts
}

fn find<'q>(rows: &'q [Question], id: &str, lang: &str) -> &'q Question {
    rows.iter().find(|row| row.id == id && row.lang == lang).unwrap()
}

fn twice(row: &Question) -> bool {
    let seen: std::collections::BTreeSet<String> =
        row.choices.iter().map(|choice| choice.trim().to_lowercase()).collect();
    seen.len() < row.choices.len()
}

#[test]
fn x_csqa_loses_labels_and_cues_and_stays_aligned() {
    let Some(data) = shared_data("x-csqa") else { return };
    let (rows, notes) = questions("x-csqa", &data.join("raw/train"), "");
    assert_eq!(per_language(&rows).into_values().collect::<Vec<_>>(), [720; 6]);
    assert!(rows.iter().all(|row| row.choices.len() == 5 && row.answer.is_some()));
    let first = find(&rows, "1", "zh");
    assert_eq!(first.question, "牙科诊所接待了很多口腔外伤患者，这些患者来自哪里？");
    assert_eq!((first.choices[3].as_str(), first.answer), ("学生", Some(2)));
    for label in ["Frage:", "Domanda:", "質問:", "Question:", "Answer:", "Antwort:"] {
        let left = rows.iter().filter(|row| {
            row.question.starts_with(label) || row.choices.iter().any(|choice| choice.contains(label))
        });
        assert_eq!(left.count(), 0, "{label}");
    }
    // The README counts 11 (English) to 38 (French) items with two options that read the same.
    let twice_in = |lang: &str| rows.iter().filter(|row| row.lang == lang && twice(row)).count();
    assert_eq!((twice_in("en"), twice_in("fr")), (11, 38));
    assert!(notes.contains("questions have two candidates that read the same"), "{notes}");
    let (test, _) = questions("x-csqa", &data.join("raw/test"), "only = ['en', 'de', 'zh']");
    assert_eq!((test.len(), test[1].lang.as_str()), (240, "de"));
}

#[test]
fn x_csqa_train_and_test_do_not_overlap() {
    let Some(data) = shared_data("x-csqa") else { return };
    let bench = Bench::new();
    bench.run("dataset", &settings("x-csqa", &data.join("raw/train"), "")).unwrap();
    std::fs::rename(bench.path("questions"), bench.path("train")).unwrap();
    bench.run("dataset", &settings("x-csqa", &data.join("raw/test"), "against = 'train'")).unwrap();
    assert_eq!(bench.read::<Question>("questions").len(), 480);
    let again = settings("x-csqa", &data.join("raw/train"), "against = 'train'");
    assert!(bench.failure("dataset", &again).0.contains("question `1` is in `against` too"));
}

#[test]
fn medqa_finds_options_anywhere_in_the_text() {
    let Some(data) = shared_data("medqa-excerpt") else { return };
    for folder in ["english_origin", "chinese_origin"] {
        let (rows, notes) = questions("medqa", &data.join("raw").join(folder), "");
        let counts = per_language(&rows);
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["en", "fr", "zh"], "{folder}");
        assert!(counts.values().all(|count| *count >= 57), "{folder}: {counts:?}");
        let dropped = 60 - counts["en"];
        assert_eq!(dropped > 0, notes.contains("dropped"), "{folder}: {notes}");
        assert!(rows.iter().all(|row| row.choices.len() == 4), "{folder}");
    }
    let (rows, _) = questions("medqa", &data.join("raw/chinese_origin"), "");
    let first = find(&rows, "1", "zh");
    assert_eq!(first.choices, ["2小时", "4小时内", "12小时内", "24小时内"]);
    assert_eq!(first.answer, Some(3));
    let published = "prompt = {style = 'published', answer_cue = false}";
    let (rows, _) = questions("medqa", &data.join("raw/chinese_origin"), published);
    assert!(find(&rows, "1", "en").question.starts_with("Please think step by step"));
}

#[test]
fn bmlama_makes_sentences_of_prefix_and_candidate() {
    let Some(data) = shared_data("bmlama") else { return };
    for (folder, languages, count) in [("raw/bmlama17", 8, 1529), ("raw/bmlama53", 8, 586)] {
        let (rows, _) = questions("bmlama", &data.join(folder), "");
        assert_eq!(per_language(&rows).len(), languages, "{folder}");
        assert_eq!(rows.len(), languages * count, "{folder}");
        assert!(rows.iter().all(|row| row.answer == Some(row.choices.len() - 1)), "{folder}");
    }
    let (rows, _) = questions("bmlama", &data.join("raw/bmlama17"), "");
    let fact = rows.iter().find(|row| row.question == "David Coulthard was born in").unwrap();
    assert_eq!((fact.choices.len(), fact.choices[9].as_str()), (10, " Scotland."));
    let chinese = find(&rows, &fact.id, "zh");
    assert_eq!((chinese.question.as_str(), chinese.choices[9].as_str()), ("大衛·庫塔出生于", "蘇格蘭。"));
    let more = "shuffle = 3\nmin_candidates = 2\nprompt = {style = 'prefix', answer_cue = false}";
    let (shuffled, notes) = questions("bmlama", &data.join("raw/bmlama53"), more);
    assert_eq!(shuffled.len(), 8 * 580);
    assert!(notes.contains("dropped 6 questions with too few candidates"), "{notes}");
    let last = shuffled.iter().filter(|row| row.answer == Some(row.choices.len() - 1)).count();
    assert!(last < shuffled.len() / 4, "{last}");
    for pair in shuffled.chunks(8) {
        assert!(pair.iter().all(|row| row.answer == pair[0].answer && row.id == pair[0].id));
    }
}

#[test]
fn mgsm_answers_are_numbers_alike_in_all_languages() {
    let Some(data) = shared_data("mgsm") else { return };
    let (rows, _) = questions("mgsm", &data.join("raw"), "");
    assert_eq!(rows.len(), 8 * 200);
    for parallel in rows.chunks(8) {
        assert!(parallel.iter().all(|row| row.choices == parallel[0].choices && row.answer == Some(0)));
    }
    assert!(rows.iter().any(|row| row.choices[0] == "114200"));
    assert!(find(&rows, "1", "en").question.contains('?'));
}

#[test]
fn exams_groups_versions_and_drops_keys_that_name_no_option() {
    let Some(data) = shared_data("exams") else { return };
    let links =
        format!("links = '{}'\nmissing = 'keep'", data.join("raw/parallel_questions.jsonl").display());
    let bench = Bench::new();
    let file = format!("preset = 'exams'\nfile = '{}'\n{links}", data.join("raw/questions.jsonl").display());
    bench.run("dataset", &file).unwrap();
    let (rows, notes) = (bench.read::<Question>("questions"), bench.notes());
    assert_eq!(rows.len(), 1376 - 3);
    assert!(
        notes.contains("dropped 3 records that cannot be read") && notes.contains("`answerKey` is `@`"),
        "{notes}"
    );
    let ids: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), 403, "parallel groups");
    let counts = per_language(&rows);
    assert_eq!((counts["mk"], counts["sr"], counts["de"], counts["tr"]), (80, 132, 201, 80));
    let failure = bench.failure("dataset", &file.replace("missing = 'keep'", "missing = 'drop'"));
    assert!(failure.0.contains("is left"), "no question is there in all ten languages: {failure:?}");
}

#[test]
fn xcopa_takes_cause_and_effect_from_a_language_to_be_trusted() {
    let Some(data) = shared_data("xcopa") else { return };
    let (rows, notes) = questions("xcopa", &data.join("raw"), "");
    assert_eq!(rows.len(), 6 * (80 + 400));
    let first = find(&rows, "val/0", "it");
    assert_eq!(first.question, "L'uomo aprì il rubinetto quindi");
    assert_eq!(first.choices, [" il gabinetto si riempì d'acqua.", " dell'acqua fluì dal beccuccio."]);
    assert_eq!((first.answer, first.split.as_str(), first.group.as_str()), (Some(1), "val", "effect"));
    assert!(notes.contains("as Italian or Indonesian does"), "{notes}");
    for parallel in rows.chunks(6) {
        assert!(
            parallel.iter().all(|row| row.group == parallel[0].group && row.answer == parallel[0].answer)
        );
    }
}

#[test]
fn safety_prompts_are_read_with_line_breaks_and_tags() {
    if let Some(data) = shared_data("multijail") {
        let (rows, _) = questions("multijail", &data.join("raw"), "");
        assert_eq!(rows.len(), 228 * 8);
        assert!(rows[0].group.contains("(e.g. lying, cheating, etc.); Conspiracy theories"));
        let broken = rows.iter().filter(|row| row.question.contains('\n')).count();
        assert!(broken > 0, "cells with line breaks stay whole");
        let (some, _) = questions("multijail", &data.join("raw"), "only = ['sw', 'en']");
        assert_eq!(some.len(), 228 * 2);
    }
    if let Some(data) = shared_data("xsafety-excerpt") {
        let (rows, _) = questions("xsafety", &data.join("raw"), "");
        assert_eq!(rows.len(), 8 * 3 * 40);
        assert_eq!(per_language(&rows)["es"], 120);
        assert_eq!(find(&rows, "Privacy_And_Property/1", "en").group, "Privacy_And_Property");
    }
}

#[test]
fn xquad_answers_stand_where_they_say() {
    let Some(data) = shared_data("xquad") else { return };
    let (rows, _) = questions("xquad", &data.join("raw"), "");
    assert_eq!(rows.len(), 6 * 991);
    assert!(rows.iter().all(|row| row.question.contains("\n\n") && row.question.contains(&row.choices[0])));
    let bench = Bench::new();
    bench.run("dataset", &settings("xquad-paragraphs", &data.join("raw"), "")).unwrap();
    assert_eq!(bench.read::<Text>("texts").len(), 6 * 195);
}

#[test]
fn parallel_texts_keep_their_pairs() {
    if let Some(data) = shared_data("tatoeba") {
        let bench = Bench::new();
        bench.run("dataset", &settings("parallel-text", &data.join("raw"), "")).unwrap();
        let texts: Vec<Text> = bench.read("texts");
        assert_eq!(texts.len(), 2 * (13 * 800 + 439 + 312));
        assert!(texts.iter().any(|text| text.lang == "zh" && text.id == "cmn-eng/800"));
    }
    if let Some(data) = shared_data("pud") {
        let bench = Bench::new();
        bench.run("dataset", &settings("pud", &data.join("raw"), "")).unwrap();
        let texts: Vec<Text> = bench.read("texts");
        assert_eq!(texts.len(), 7 * 800);
        let german = texts.iter().find(|text| text.id == "n01001011" && text.lang == "de").unwrap();
        assert!(german.text.starts_with("„Ein Großteil"));
    }
    if let Some(data) = shared_data("vicuna80") {
        let (rows, _) = questions("vicuna", &data.join("raw"), "");
        assert_eq!((rows.len(), per_language(&rows)["de"]), (10 * 64, 64));
    }
}

#[test]
fn released_samples_and_pairs_are_rows() {
    let Some(data) = shared_data("calm-excerpt") else { return };
    let bench = Bench::new();
    bench.run("dataset", &settings("calm-samples", &data.join("raw/rollouts_llama"), "")).unwrap();
    let samples: Vec<Completion> = bench.read("completions");
    assert_eq!(samples.len(), 6 * 60 * 3);
    assert!(samples.iter().any(|row| row.lang == "zh" && row.id == "60" && row.sample == 2));
    bench.run("dataset", &settings("alpaca-preferences", &data.join("raw/dpo"), "")).unwrap();
    let pairs: Vec<Pair> = bench.read("pairs");
    assert_eq!(pairs.len(), 9 + 59 + 57 + 48 + 48 + 70);
    assert!(pairs.iter().all(|pair| pair.prompt.contains('\n') && pair.chosen != pair.rejected));
    // The questions of the rollouts, read by the reader of X-CSQA.
    let pattern = "pattern = 'x_csqa_{lang}_train_sampled.json'";
    let (rows, _) = questions("x-csqa", &data.join("raw/rollouts_llama"), pattern);
    assert_eq!(rows.len(), 6 * 60);
}

/// A line or two of each format, made up, for what is not among the shared data.
#[test]
fn formats_without_released_data_are_read_from_their_description() {
    let bench = Bench::new();
    let header = ",Question,A,B,C,D,Answer,Subject\n";
    bench.file("mmlu_DE-DE.csv", format!("{header}0,\"Was, bitte?\",eins,zwei,drei,vier,C,anatomy\n"));
    bench.file("mmlu_ZH-CN.csv", format!("{header}0,什么？,一,二,三,四,C,anatomy\n"));
    bench
        .run("dataset", "preset = 'mmmlu'\nfolder = '.'\nprompt = {style = 'lines', candidates = 'letters'}")
        .unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!(rows[0].question, "Was, bitte?\nA. eins\nB. zwei\nC. drei\nD. vier\nAntwort:");
    assert_eq!((rows[0].choices.join(""), rows[0].answer), (" A B C D".to_owned(), Some(2)));
    assert_eq!((rows[1].lang.as_str(), rows[1].group.as_str()), ("zh", "anatomy"));
    assert!(rows[1].question.ends_with("D. 四\n答案:"));

    bench.file("fr.csv", "Prompt,Ans,Candidate Ans\n X est à ,\" Rome\",\"[' Paris', ' Rome']\"\n");
    bench.run("dataset", "preset = 'dco'\nfiles = {fr = 'fr.csv'}").unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!((rows[0].question.as_str(), rows[0].choices[1].as_str()), ("X est à", " Rome"));

    let question = "{\"id\": \"q1\", \"lang\": \"jap\", \"question\": {\"stem\": \"S?\", \"choices\": \
                    [{\"label\": \"A\", \"text\": \"x\"}, {\"label\": \"B\", \"text\": \"y\"}]}, \"answerKey\": \"B\"}\n";
    bench.file("rows.jsonl", question);
    bench.run("dataset", "preset = 'x-csqa'\nfiles = {jp = 'rows.jsonl'}").unwrap();
    let rows: Vec<Question> = bench.read("questions");
    assert_eq!((rows[0].id.as_str(), rows[0].lang.as_str(), rows[0].answer), ("q1", "ja", Some(1)));

    bench.file(
        "safe.jsonl",
        "{\"prompt\": \"p\", \"response_0\": \"a\", \"response_1\": \"b\", \"better_response_id\": 0, \
         \"safer_response_id\": 1}\n",
    );
    let lang = "file = 'safe.jsonl'\nvalues = {lang = 'en'}";
    bench.run("dataset", &format!("preset = 'pku-saferlhf'\n{lang}")).unwrap();
    assert_eq!(bench.read::<Pair>("pairs")[0].chosen, "b");
    bench.run("dataset", &format!("preset = 'pku-saferlhf-better'\n{lang}")).unwrap();
    assert_eq!(bench.read::<Pair>("pairs")[0].chosen, "a");

    bench.file("targets.json", "[{\"instruction\": \"Do\", \"input\": \"this\", \"output\": \"done\"}]");
    bench.run("dataset", "preset = 'alpaca'\nfiles = {en = 'targets.json'}").unwrap();
    assert_eq!(bench.read::<Completion>("completions")[0].prompt, "Do\nthis");
}

#[test]
fn presets_have_distinct_names_and_say_what_they_are() {
    let mut names: Vec<&str> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), BENCHMARKS.len());
    assert!(names.len() >= 20);
    for benchmark in BENCHMARKS {
        assert!(benchmark.about.len() > 20 && !benchmark.patterns.is_empty(), "{}", benchmark.name);
    }
    let fields: Vec<String> =
        parse("dataset", "preset = 'squad3'\nfile = 'x'").check().into_iter().map(|p| p.field).collect();
    assert_eq!(fields, ["preset"]);
}
