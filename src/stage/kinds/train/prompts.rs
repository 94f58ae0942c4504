//! Reads the prompts whose states an auxiliary term compares.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{auxiliary, examples::Limits, spec::TrainSpec};
use crate::{
    artifact::row::question::Question,
    failure::Failure,
    stage::context::Context,
    token::Encoder,
    train::example::{Example, Prompts},
};

/// The prompts of every question that an example asks, in the languages of the term. `questions` are those of the
/// examples.
pub(super) fn read(
    cx: &Context<'_>,
    spec: &TrainSpec,
    encoder: &Encoder<'_>,
    limits: Limits,
    examples: &[Example],
    questions: &[String],
) -> Result<Option<Prompts>, Failure> {
    let Some((_, term)) = auxiliary::given(spec) else { return Ok(None) };
    let rows = cx.rows::<Question>("prompts")?;
    let texts = by_question(&rows)?;
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wanted = Vec::new();
    let mut of = Vec::with_capacity(examples.len());
    for (example, question) in examples.iter().zip(questions) {
        if question.is_empty() {
            let message = format!("`{}` does not say which question it answers", example.id);
            return Err(Failure::input(message).hint("prompts are found by the `question` of a pair"));
        }
        let next = wanted.len();
        let number = *numbers.entry(question).or_insert(next);
        if number == next {
            wanted.push(
                in_languages(&texts, question, &term.languages).map_err(|failure| failure.at(&example.id))?,
            );
        }
        of.push(number);
    }
    let most = spec.max_length.unwrap_or(limits.positions).min(limits.positions);
    let most = spec.max_prompt_length.map_or(most, |prompt| prompt.min(most));
    let encode = |texts: &Vec<&str>| -> Result<Vec<Vec<u32>>, Failure> {
        texts.iter().map(|text| encoder.prompt(text)).collect()
    };
    let mut encoded: Vec<Vec<Vec<u32>>> = wanted.par_iter().map(encode).collect::<Result<_, _>>()?;
    let mut cut = 0;
    for tokens in encoded.iter_mut().flatten() {
        if tokens.len() > most {
            tokens.drain(..tokens.len() - most);
            cut += 1;
        }
    }
    if cut > 0 {
        let count = wanted.len() * term.languages.len();
        cx.observer.note(&format!("{cut} of {count} `prompts` lost their beginning (at most {most} tokens)"));
    }
    if let Some((question, lang)) = empty(&encoded) {
        let name = numbers.iter().find(|(_, number)| **number == question).map_or("", |(name, _)| name);
        let message = format!("question `{name}` has no token in language `{}`", term.languages[lang]);
        return Err(Failure::input(message).hint("an empty prompt has no state to compare"));
    }
    Ok(Some(Prompts { of, questions: encoded }))
}

fn empty(encoded: &[Vec<Vec<u32>>]) -> Option<(usize, usize)> {
    let lang = |languages: &Vec<Vec<u32>>| languages.iter().position(Vec::is_empty);
    encoded.iter().enumerate().find_map(|(question, languages)| Some((question, lang(languages)?)))
}

type Texts<'r> = BTreeMap<&'r str, BTreeMap<&'r str, &'r str>>;

/// The text of each question in each language.
fn by_question(rows: &[Question]) -> Result<Texts<'_>, Failure> {
    let mut texts = Texts::new();
    for row in rows {
        let languages = texts.entry(&row.id).or_default();
        if languages.insert(&row.lang, &row.question).is_some() {
            let message = format!("`prompts` has question `{}` twice in language `{}`", row.id, row.lang);
            return Err(Failure::input(message).hint("a question has one prompt in each language"));
        }
    }
    Ok(texts)
}

/// The texts of a question in the languages of the term, all of them.
fn in_languages<'r>(
    texts: &Texts<'r>,
    question: &str,
    languages: &[String],
) -> Result<Vec<&'r str>, Failure> {
    let Some(known) = texts.get(question) else {
        let message = format!("`prompts` has no question `{question}`");
        return Err(
            Failure::input(message).hint("pairs name their question; the prompts must have the same ids")
        );
    };
    let text = |lang: &String| {
        known.get(lang.as_str()).copied().ok_or_else(|| {
            let present: Vec<&str> = known.keys().copied().collect();
            Failure::input(format!("`prompts` has question `{question}` not in language `{lang}`"))
                .hint(format!("all questions need the same languages; this one has {}", present.join(", ")))
        })
    };
    languages.iter().map(text).collect()
}
