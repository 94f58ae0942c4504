//! Text to tokens and back.
#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::{
    checkpoint::{config, folder::ModelFiles},
    token::Tokenizer,
};
use serde_json::json;

use super::{texts, trained};

fn opened() -> (tempfile::TempDir, Tokenizer) {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::open(&ModelFiles::of(&trained(dir.path()))).unwrap();
    (dir, tokenizer)
}

#[test]
fn every_text_comes_back_byte_for_byte() {
    let (_dir, tokenizer) = opened();
    let strange = ["", " ", "  a  b ", "\n\t", "हिन्दी", "𝒳🏳️‍🌈", "\u{0}\u{1}", "don't  stop", "a\u{301}"];
    let mut all = texts();
    all.extend(strange.map(str::to_owned));
    let encoded = tokenizer.encode_all(&all).unwrap();
    for (text, ids) in all.iter().zip(&encoded) {
        assert_eq!(&tokenizer.decode(ids), text);
        assert_eq!(&tokenizer.encode(text).unwrap(), ids);
    }
}

#[test]
fn special_tokens_are_found_and_left_out_of_text() {
    let (_dir, tokenizer) = opened();
    let special = tokenizer.special();
    assert_eq!((special.begin, special.prefix, special.pad), (Some(0), Some(0), Some(2)));
    assert_eq!((special.end(), special.ends.as_slice()), (Some(1), [1].as_slice()));
    let ids = tokenizer.encode_prompt("Paris").unwrap();
    assert_eq!(ids[0], 0);
    assert_eq!(tokenizer.decode(&ids), "Paris");
    assert_eq!(tokenizer.decode_all(&ids), "<s>Paris");
    assert_eq!(tokenizer.encode_prompt("<s>Paris").unwrap(), ids, "a written begin token is not doubled");
    assert_eq!(tokenizer.encode_prompt("").unwrap(), [0]);
    assert_eq!(tokenizer.token(1).unwrap(), "</s>");
    assert_eq!(tokenizer.id("<pad>"), Some(2));
    assert_eq!(tokenizer.decode(&[u32::MAX]), "", "an id outside the vocabulary has no text");
}

#[test]
fn a_model_may_name_more_end_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let folder = trained(dir.path()).files["tokenizer.json"].parent().unwrap().to_owned();
    let fields = json!({"eos_token_id": [1, 9, 300]});
    config::write(&folder.join("generation_config.json"), fields.as_object().unwrap()).unwrap();
    let tokenizer = Tokenizer::open(&ModelFiles::in_folder(&folder).unwrap()).unwrap();
    assert_eq!(tokenizer.special().ends, [1, 9, 300]);

    let path = folder.join("tokenizer_config.json");
    let mut fields = config::read(&path).unwrap();
    fields.insert("eos_token".to_owned(), json!({"content": "</nothing>"}));
    config::write(&path, &fields).unwrap();
    let failure = Tokenizer::open(&ModelFiles::in_folder(&folder).unwrap()).unwrap_err();
    assert!(failure.message.contains("`</nothing>`"), "{failure}");
}

#[test]
fn a_stream_gives_whole_characters_that_add_up_to_the_text() {
    let (_dir, tokenizer) = opened();
    let mut split_characters = 0;
    for text in texts().iter().take(7).map(String::as_str).chain(["🙂", "語", "x\u{fffd}y", "नमस्ते दुनिया"])
    {
        let mut stream = tokenizer.stream();
        let mut seen = String::new();
        for id in tokenizer.encode(text).unwrap() {
            let piece = stream.push(id);
            split_characters += usize::from(piece.is_empty());
            seen.push_str(&piece);
            assert!(text.starts_with(&seen), "{text:?} does not begin with {seen:?}");
        }
        seen.push_str(&stream.finish());
        assert_eq!(seen, text);
    }
    assert!(split_characters > 10, "{split_characters}");
}

#[test]
fn bytes_that_never_become_a_character_do_not_hold_a_stream_up() {
    let (_dir, tokenizer) = opened();
    let smile = tokenizer.encode("語").unwrap();
    let mut stream = tokenizer.stream();
    let mut seen = String::new();
    for _ in 0..10 {
        seen.push_str(&stream.push(smile[0]));
    }
    seen.push_str(&stream.push(tokenizer.encode("a").unwrap()[0]));
    seen.push_str(&stream.finish());
    assert!(seen.starts_with('\u{fffd}') && seen.ends_with('a'), "{seen:?}");
}

#[test]
fn a_file_that_is_no_tokenizer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for content in ["", "{}", "[]", r#"{"model": {"type": "BPE"}}"#] {
        std::fs::write(dir.path().join("tokenizer.json"), content).unwrap();
        let failure = Tokenizer::open(&ModelFiles::in_folder(dir.path()).unwrap()).unwrap_err();
        assert!(failure.message.contains("is not a tokenizer"), "{content}: {failure}");
    }
}
