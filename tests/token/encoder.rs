//! Prompts and completions as tokens: with and without a chat template, and where the two meet.
#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::{
    checkpoint::folder::ModelFiles,
    token::{ChatOptions, Encoder, Encoding, Joint, Tokenizer},
};
use serde_json::Value as Json;

use super::{
    chat::{golden, read},
    trained,
};

fn ids(json: &Json) -> Vec<u32> {
    json.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn conversation(template: &str, system: Option<&str>) -> ChatOptions {
    let (template, system) = (Some(template.to_owned()), system.map(str::to_owned));
    ChatOptions { template, system, ..ChatOptions::default() }
}

#[test]
fn prompts_and_conversations_are_the_tokens_of_transformers() {
    let files = ModelFiles::in_folder(&golden("tokenizer")).unwrap();
    let tokenizer = Tokenizer::open(&files).unwrap();
    let expected = read(&golden("tokens.json"));
    let begin = tokenizer.special().begin.unwrap();
    assert_eq!(tokenizer.special().ends.len(), 2);
    assert_eq!(tokenizer.special().additional.len(), 2);
    let (mut compared, mut crossed) = (0, 0);
    for case in expected["cases"].as_array().unwrap() {
        let chat = conversation(case["template"].as_str().unwrap(), case["system"].as_str());
        let encoding = Encoding { chat: Some(chat), append_end: true, joint: None };
        let encoder = Encoder::new(&tokenizer, &files, &encoding).unwrap();
        let prompt = case["prompt"].as_str().unwrap();
        let first = encoder.prompt(prompt).unwrap();
        assert_eq!(first, ids(&case["prompt_ids"]), "{prompt}");
        assert!(first.iter().filter(|id| **id == begin).count() <= 1, "a begin token is not doubled");
        for answer in case["answers"].as_array().unwrap() {
            let text = answer["answer"].as_str().unwrap();
            let (before, after) = encoder.completions(prompt, &[text]).unwrap();
            assert_eq!(before, first);
            let whole = ids(&answer["ids"]);
            if whole.starts_with(&first) {
                assert_eq!([before, after[0].clone()].concat(), whole, "{prompt}{text}");
                compared += 1;
            } else {
                crossed += 1;
            }
        }
        assert!(encoder.notes().is_empty() || crossed > 0, "{:?}", encoder.notes());
    }
    assert!(compared >= 60, "{compared} compared, {crossed} crossed");
    let encoder = Encoder::new(&tokenizer, &files, &Encoding::default()).unwrap();
    for plain in expected["plain"].as_array().unwrap() {
        assert_eq!(encoder.prompt(plain["text"].as_str().unwrap()).unwrap(), ids(&plain["ids"]));
    }
}

#[test]
fn a_turn_ends_as_the_template_ends_it_and_is_left_out_on_request() {
    let files = ModelFiles::in_folder(&golden("tokenizer")).unwrap();
    let tokenizer = Tokenizer::open(&files).unwrap();
    let encode = |template: &str, append_end: bool| {
        let encoding = Encoding { chat: Some(conversation(template, None)), append_end, joint: None };
        let encoder = Encoder::new(&tokenizer, &files, &encoding).unwrap();
        tokenizer.decode_all(&encoder.completions("Why?", &["So."]).unwrap().1[0])
    };
    assert_eq!(encode("default", true), "So.<|im_end|>\n");
    assert_eq!(encode("brackets", true), " So.</s>");
    assert_eq!(encode("default", false), "So.");
    assert_eq!(encode("brackets", false), "So.");
}

#[test]
fn prompt_and_completion_meet_where_tokens_end_and_where_not_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let files = ModelFiles::of(&trained(dir.path()));
    let tokenizer = Tokenizer::open(&files).unwrap();
    let whole = tokenizer.encode_prompt("The capital of France is Paris").unwrap();
    for joint in [None, Some(Joint::Separate), Some(Joint::Together)] {
        let encoding = Encoding { joint, ..Encoding::default() };
        let encoder = Encoder::new(&tokenizer, &files, &encoding).unwrap();
        let (prompt, completions) =
            encoder.completions("The capital of France is", &[" Paris.", ""]).unwrap();
        assert_eq!(prompt, tokenizer.encode_prompt("The capital of France is").unwrap());
        assert_eq!(tokenizer.decode(&completions[0]), " Paris.");
        assert_eq!(completions[1], [0; 0]);
        assert_eq!(encoder.notes(), [""; 0]);

        // "Par" + "is" is one word: encoded together its tokens would not end at the boundary.
        let (prompt, completions) = encoder.completions("The capital of France is Par", &["is"]).unwrap();
        assert!(!whole.starts_with(&prompt), "the example must be one where tokens cross the boundary");
        assert_eq!(prompt, tokenizer.encode_prompt("The capital of France is Par").unwrap());
        assert_eq!(completions[0], tokenizer.encode("is").unwrap());
        assert!(encoder.notes()[0].starts_with("1 of 3 completions"), "{:?}", encoder.notes());
    }
}

#[test]
fn texts_begin_and_end_with_their_special_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let files = ModelFiles::of(&trained(dir.path()));
    let tokenizer = Tokenizer::open(&files).unwrap();
    let encode = |append_end: bool| {
        let encoding = Encoding { append_end, ..Encoding::default() };
        Encoder::new(&tokenizer, &files, &encoding).unwrap().text("Paris").unwrap()
    };
    let paris = tokenizer.encode("Paris").unwrap();
    assert_eq!(encode(false), (vec![0], paris.clone()));
    assert_eq!(encode(true), (vec![0], [paris, vec![1]].concat()));
}
