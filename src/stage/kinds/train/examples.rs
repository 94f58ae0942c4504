//! Turns rows into training examples: texts to tokens, end tokens, references, lengths.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::spec::{TrainSpec, field_of};
use crate::{
    artifact::row::{completion::Completion, log_probability::PairLogProbability, pair::Pair, text::Text},
    checkpoint::folder::ModelFiles,
    failure::Failure,
    model::{arch::Sizes, loss::Examples},
    stage::context::Context,
    token::{Encoder, Encoding, Tokenizer},
    train::example::Example,
};

/// What a model admits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Entries of the vocabulary.
    pub(super) vocabulary: usize,
    /// Tokens of a sequence.
    pub(super) positions: usize,
}

impl From<Sizes> for Limits {
    fn from(sizes: Sizes) -> Self {
        Self { vocabulary: sizes.vocabulary, positions: sizes.positions }
    }
}

/// All examples of a stage, at least one, each short enough and scorable.
pub(super) fn read(
    cx: &Context<'_>,
    spec: &TrainSpec,
    base: &ModelFiles,
    tokenizer: &Tokenizer,
    limits: Limits,
) -> Result<Vec<Example>, Failure> {
    let kind = spec.objective.0.examples();
    let encoding =
        Encoding { chat: spec.chat.as_ref().map(Into::into), joint: spec.joint, append_end: spec.append_end };
    let encoder = Encoder::new(tokenizer, base, &encoding)?;
    let mut examples = match kind {
        Examples::Texts => all(&encoder, &cx.rows::<Text>("texts")?, text)?,
        Examples::Completions => all(&encoder, &cx.rows::<Completion>("completions")?, completion)?,
        Examples::Pairs => all(&encoder, &cx.rows::<Pair>("pairs")?, pair)?,
    };
    encoder.notes().iter().for_each(|note| cx.observer.note(note));
    let field = field_of(kind);
    if examples.is_empty() {
        let message = format!("`{field}` holds no rows: there is nothing to train on");
        return Err(
            Failure::input(message).hint("look at what the stage that writes them reports as dropped")
        );
    }
    fit_lengths(cx, spec, limits, &mut examples);
    let read = examples.len();
    examples.retain(Example::is_scorable);
    if examples.len() < read {
        cx.observer.note(&format!(
            "{} of {read} {field} have no token to learn and are left out",
            read - examples.len()
        ));
    }
    if examples.is_empty() {
        return Err(Failure::input(format!("none of the {read} {field} has a token to learn")));
    }
    if spec.objective.0.needs_reference() {
        add_references(&cx.rows::<PairLogProbability>("reference")?, &mut examples)?;
    }
    check_vocabulary(&examples, limits)?;
    Ok(examples)
}

fn all<R: Sync>(
    encoder: &Encoder<'_>,
    rows: &[R],
    encode: impl Fn(&Encoder<'_>, &R) -> Result<Example, Failure> + Sync,
) -> Result<Vec<Example>, Failure> {
    rows.par_iter().map(|row| encode(encoder, row)).collect()
}

fn text(encoder: &Encoder<'_>, row: &Text) -> Result<Example, Failure> {
    let (prompt, rest) = encoder.text(&row.text)?;
    Ok(Example { id: row.id.clone(), prompt, branches: vec![rest], references: Vec::new() })
}

fn completion(encoder: &Encoder<'_>, row: &Completion) -> Result<Example, Failure> {
    let (prompt, branches) = encoder.completions(&row.prompt, &[&row.completion])?;
    let id = format!("{}/{}/{}", row.id, row.lang, row.sample);
    Ok(Example { id, prompt, branches, references: Vec::new() })
}

fn pair(encoder: &Encoder<'_>, row: &Pair) -> Result<Example, Failure> {
    let (prompt, branches) = encoder.completions(&row.prompt, &[&row.chosen, &row.rejected])?;
    Ok(Example { id: row.id.clone(), prompt, branches, references: Vec::new() })
}

/// Cuts what is longer than the stage admits, and says how often.
fn fit_lengths(cx: &Context<'_>, spec: &TrainSpec, limits: Limits, examples: &mut [Example]) {
    let most = spec.max_length.unwrap_or(limits.positions).min(limits.positions);
    let (mut prompts, mut branches) = (0, 0);
    for example in examples.iter_mut() {
        let truncated = example.truncate(most, spec.max_prompt_length);
        prompts += usize::from(truncated.prompt);
        branches += usize::from(truncated.branch);
    }
    let count = examples.len();
    if prompts > 0 {
        cx.observer.note(&format!(
            "{prompts} of {count} prompts lost their beginning (at most {most} tokens in all)"
        ));
    }
    if branches > 0 {
        cx.observer
            .note(&format!("{branches} of {count} examples lost their end (at most {most} tokens in all)"));
    }
}

/// Puts the reference log-probabilities to the pairs they belong to.
fn add_references(rows: &[PairLogProbability], examples: &mut [Example]) -> Result<(), Failure> {
    let by_id: BTreeMap<&str, &PairLogProbability> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    for example in examples {
        let Some(row) = by_id.get(example.id.as_str()) else {
            let message = format!("pair `{}` has no reference log-probability", example.id);
            return Err(Failure::input(message).hint("score exactly the pairs that are trained on"));
        };
        if row.prompt_tokens != example.prompt.len() {
            let message = format!(
                "pair `{}`: its reference log-probability follows {} tokens of the prompt, training {}",
                example.id,
                row.prompt_tokens,
                example.prompt.len()
            );
            return Err(Failure::input(message)
                .hint("score with the same tokenizer, `max_length` and `max_prompt_length` as training"));
        }
        let counts = [row.chosen_tokens, row.rejected_tokens];
        for ((role, count), branch) in ["chosen", "rejected"].iter().zip(counts).zip(&example.branches) {
            if count != branch.len() {
                let message = format!(
                    "pair `{}`: the reference log-probability of `{role}` covers {count} tokens, training scores {}",
                    example.id,
                    branch.len()
                );
                return Err(Failure::input(message).hint(
                    "score with the same tokenizer and the same `append_end`, and raise `max_length` if it cut something",
                ));
            }
        }
        if !(row.chosen.is_finite() && row.rejected.is_finite()) {
            return Err(Failure::input(format!(
                "pair `{}`: its reference log-probability is no number",
                row.id
            )));
        }
        example.references = vec![row.chosen, row.rejected];
    }
    Ok(())
}

fn check_vocabulary(examples: &[Example], limits: Limits) -> Result<(), Failure> {
    let tokens =
        examples.iter().flat_map(|example| example.prompt.iter().chain(example.branches.iter().flatten()));
    match tokens.max() {
        Some(largest) if *largest as usize >= limits.vocabulary => {
            let message = format!(
                "the tokenizer gives token {largest}, but the model's vocabulary has {} entries",
                limits.vocabulary
            );
            Err(Failure::input(message).hint("the model folder's tokenizer belongs to another model"))
        }
        _ => Ok(()),
    }
}
