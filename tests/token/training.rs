//! The kind `tokenizer`.

use chorale::{
    checkpoint::folder::ModelFiles,
    failure::Cause,
    stage::{contract::Kind, kinds::tokenizer::TokenizerKind},
    token::Tokenizer,
};

use super::{spec, train};

#[test]
fn the_same_texts_give_the_same_bytes_whatever_the_threads() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let many = rayon::ThreadPoolBuilder::new().num_threads(7).build().unwrap();
    let digests = [
        train(dirs[0].path(), &spec(400)).outputs["tokenizer"].digest,
        one.install(|| train(dirs[1].path(), &spec(400)).outputs["tokenizer"].digest),
        many.install(|| train(dirs[2].path(), &spec(400)).outputs["tokenizer"].digest),
    ];
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[test]
fn the_vocabulary_has_the_size_asked_for_or_the_user_hears_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = train(dir.path(), &spec(300));
    let tokenizer = Tokenizer::open(&ModelFiles::of(&outcome.outputs["tokenizer"])).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 300);
    assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);

    let dir = tempfile::tempdir().unwrap();
    let outcome = train(dir.path(), &spec(100_000));
    assert!(outcome.notes[0].contains("not 100000"), "{:?}", outcome.notes);
}

#[test]
fn settings_that_make_no_tokenizer_are_found_before_anything_runs() {
    let mut wrong = spec(258);
    wrong.end = wrong.begin.clone();
    wrong.pad = "a b".to_owned();
    let problems = TokenizerKind::check(&wrong);
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["vocabulary_size", "end", "pad"]);
}

#[test]
fn an_empty_corpus_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("texts.jsonl");
    std::fs::write(&path, "").unwrap();
    let texts = crate::support::stage::artifact(
        &path,
        <chorale::artifact::row::text::Text as chorale::artifact::row::Row>::KIND,
    );
    let refused =
        crate::support::stage::run::<TokenizerKind>(dir.path(), &spec(300), &[("texts", &texts)], &[]);
    assert_eq!(refused.unwrap_err().cause, Cause::Input);
}
