//! `facts` and `dataset`.

use chorale::artifact::row::{completion::Completion, pair::Pair, question::Question, text::Text};

use super::support::{Bench, parse, shared_data};

#[test]
fn facts_make_the_same_questions_and_texts_from_the_same_seed() {
    let settings = "languages = ['en', 'zh', 'sw']\ncoverage = {en = 0.95, sw = 0.3}\nseed = 7";
    let (first, second) = (Bench::new(), Bench::new());
    first.run("facts", settings).unwrap();
    second.run("facts", settings).unwrap();
    for name in ["questions", "texts"] {
        assert_eq!(std::fs::read(first.path(name)).unwrap(), std::fs::read(second.path(name)).unwrap());
    }
    let questions: Vec<Question> = first.read("questions");
    let texts: Vec<Text> = first.read("texts");
    assert!(questions.len() > 2000 && texts.len() > 2000);
    let of = |lang: &str| texts.iter().filter(|text| text.lang == lang).count();
    assert!(of("zh") > of("en") && of("en") > 2 * of("sw"), "{} {} {}", of("zh"), of("en"), of("sw"));
    assert!(first.notes().contains("questions in 3 languages"), "{}", first.notes());
}

#[test]
fn files_per_language_become_parallel_questions() {
    let bench = Bench::new();
    bench.file("en.tsv", "Prompt\tAns\tCands\nX is in\tRome\tParis, Rome\nY is in\tParis\tParis, Rome\n");
    bench
        .file("sw.tsv", "Prompt\tAns\tCands\r\nX iko\tRoma\tParisi, Roma\r\nY iko\tParisi\tParisi, Roma\r\n");
    let settings = "rows = 'questions'\nfiles = {en = 'en.tsv', sw = 'sw.tsv'}\nanswer = 'text'\n\
                    fields = {question = 'Prompt', answer = 'Ans', choices = 'Cands'}\n\
                    separators = {choices = ', '}\nvalues = {split = 'test'}";
    bench.run("dataset", settings).unwrap();
    let questions: Vec<Question> = bench.read("questions");
    assert_eq!(questions.len(), 4);
    assert_eq!(
        (questions[1].id.as_str(), questions[1].lang.as_str(), questions[1].answer),
        ("1", "sw", Some(1))
    );
    assert_eq!(questions[1].choices, ["Parisi", "Roma"]);
    assert_eq!(questions[3].split, "test");
}

#[test]
fn the_other_row_kinds_are_read_too() {
    let bench = Bench::new();
    bench.file("texts.csv", "body\n\"one, two\"\nthree\n");
    bench.run("dataset", "rows = 'texts'\nfile = 'texts.csv'\nfields = {text = 'body'}").unwrap();
    let texts: Vec<Text> = bench.read("texts");
    assert_eq!((texts[0].id.as_str(), texts[0].lang.as_str(), texts[0].text.as_str()), ("1", "", "one, two"));
    bench.file("answers.json", "[{\"q\": \"Hi?\", \"a\": 3, \"language\": \"cn\"}]");
    let settings = "rows = 'completions'\nfile = 'answers.json'\nfields = {completion = 'a', lang = 'language'}\n\
                    templates = {prompt = \"Question: {q}\\nAnswer:\"}";
    bench.run("dataset", settings).unwrap();
    let completions: Vec<Completion> = bench.read("completions");
    assert_eq!(completions[0].prompt, "Question: Hi?\nAnswer:");
    assert_eq!((completions[0].completion.as_str(), completions[0].lang.as_str()), ("3", "zh"));
    bench.file("pairs.jsonl", "{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"r\"}\n");
    bench.run("dataset", "rows = 'pairs'\nfile = 'pairs.jsonl'\nvalues = {lang = 'en'}").unwrap();
    assert_eq!(bench.read::<Pair>("pairs")[0].chosen, "c");
}

#[test]
fn wrong_rows_are_named_with_file_and_line() {
    let good = "{\"id\": \"1\", \"lang\": \"en\", \"question\": \"?\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n";
    let line = |change: &dyn Fn(&str) -> String| change(good);
    let cases: Vec<(String, &str, &str)> = vec![
        (good.to_owned() + good, ":2: question `1` in `en` is there already, at ", "ids must be unique"),
        (good.to_owned() + "{\"id\": ", ":2: not a JSON object", ""),
        (
            line(&|row| row.replace("\"en\"", "\"english\"")),
            ":1: unknown language code: `english`; did you mean `en`?",
            "languages = ",
        ),
        (line(&|row| row.replace("\"answer\": 0", "\"answer\": 2")), ":1: `answer` is choice 2 of 2", ""),
        (
            line(&|row| row.replace("\"answer\": 0", "\"answer\": \"B\"")),
            ":1: `answer` names no choice: `B`",
            "letter",
        ),
        (
            line(&|row| row.replace("\"question\"", "\"q\"")),
            ":1: nothing gives the field `question`",
            "columns: ",
        ),
        (
            line(&|row| row.replace("\"lang\"", "\"l\"")),
            ":1: nothing gives the language of the row",
            "values = ",
        ),
        (line(&|row| row.replace("[\"a\", \"b\"]", "\"a, b\"")), ":1: `choices` is not a list", "separators"),
        (
            good.to_owned() + &good.replace("\"en\"", "\"fr\"").replace(", \"b\"", ""),
            ":2: question `1` has 1 candidates in `fr` but 2 in `en`",
            "same order",
        ),
        (
            good.to_owned() + &good.replace("\"en\"", "\"fr\"").replace("\"answer\": 0", "\"answer\": 1"),
            ":2: question `1`: the answer is choice 1 in `fr` but choice 0 in `en`",
            "same order",
        ),
        (String::new(), "rows.jsonl` holds no rows", "empty"),
    ];
    for (text, message, hint) in &cases {
        let bench = Bench::new();
        bench.file("rows.jsonl", text);
        let (said, hinted) = bench.failure("dataset", "rows = 'questions'\nfile = 'rows.jsonl'");
        assert!(said.contains(message) && hinted.contains(hint), "{said}\n{hinted}");
    }
    assert_eq!(cases.len(), 11);
}

#[test]
fn a_question_missing_in_a_language_fails_or_is_dropped_and_counted() {
    let row =
        |id: u8, lang: &str| format!("{{\"id\": \"{id}\", \"lang\": \"{lang}\", \"question\": \"?\"}}\n");
    let text = row(1, "en") + &row(1, "sw") + &row(2, "en");
    let bench = Bench::new();
    bench.file("rows.jsonl", text);
    let (message, hint) = bench.failure("dataset", "rows = 'questions'\nfile = 'rows.jsonl'");
    assert!(message.ends_with("rows.jsonl:3: question `2` is missing in `sw`"), "{message}");
    assert!(hint.contains("missing = \"drop\""));
    bench.run("dataset", "rows = 'questions'\nfile = 'rows.jsonl'\nmissing = 'drop'").unwrap();
    assert_eq!(bench.read::<Question>("questions").len(), 2);
    assert!(bench.notes().contains("dropped 1 questions that are not there in every language"));
}

#[test]
fn settings_of_a_dataset_are_checked_before_anything_runs() {
    let wrong = "rows = 'pairs'\nfields = {answer = 'q'}\nlists = {prompt = ['a']}\nvalues = {lang = 'xyz1'}";
    let fields: Vec<String> =
        parse("dataset", wrong).check().into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["file", "fields.answer", "lists.prompt", "values.lang"]);
}

#[test]
fn published_files_are_read_with_their_quirks() {
    let Some(data) = shared_data("bmlama") else { return };
    let bench = Bench::new();
    let languages = ["ar", "en", "es", "fr", "he", "ja", "tr", "zh"];
    let path = |lang: &str| data.join(format!("raw/bmlama17/{lang}.tsv"));
    let files: Vec<String> =
        languages.iter().map(|lang| format!("{lang} = '{}'", path(lang).display())).collect();
    // The header of zh.tsv splits a column name in two, so columns go by number. Lines end in CRLF, cells are quoted.
    let settings = format!(
        "rows = 'questions'\nfiles = {{{}}}\nheader = false\nskip = 1\nanswer = 'text'\n\
         fields = {{question = '1', answer = '2', choices = '3', group = '4'}}\nseparators = {{choices = ', '}}",
        files.join(", ")
    );
    bench.run("dataset", &settings).unwrap();
    let questions: Vec<Question> = bench.read("questions");
    assert_eq!(questions.len(), 8 * 1529);
    assert!(questions.iter().all(|question| question.answer == Some(question.choices.len() - 1)));
    assert!(questions.iter().all(|question| !question.group.contains('\r')));
}

#[test]
fn lists_from_columns_and_crlf_lines_of_xcopa_are_read() {
    let Some(data) = shared_data("xcopa") else { return };
    let bench = Bench::new();
    let languages = ["id", "it", "sw", "th", "tr", "zh"];
    let path = |lang: &str| data.join(format!("raw/{lang}/val.{lang}.jsonl"));
    let files: Vec<String> =
        languages.iter().map(|lang| format!("{lang} = '{}'", path(lang).display())).collect();
    let settings = format!(
        "rows = 'questions'\nfiles = {{{}}}\nfields = {{id = 'idx', question = 'premise', answer = 'label'}}\n\
         lists = {{choices = ['choice1', 'choice2']}}",
        files.join(", ")
    );
    bench.run("dataset", &settings).unwrap();
    let questions: Vec<Question> = bench.read("questions");
    assert_eq!(questions.len(), 6 * 80);
    assert!(questions.iter().all(|question| question.choices.len() == 2 && question.answer.is_some()));
}
