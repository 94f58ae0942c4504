//! Turns rows into training examples: texts to tokens, end tokens, references, lengths.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{
    objective::{self, field_of},
    prompts,
    spec::{LanguageSchedule, Overlong, TrainSpec},
};
use crate::{
    artifact::row::{completion::Completion, log_probability::PairLogProbability, pair::Pair, text::Text},
    checkpoint::folder::ModelFiles,
    failure::Failure,
    model::{
        arch::Sizes,
        loss::{Examples, Facts, Unit},
    },
    stage::context::Context,
    token::{Encoder, Encoding, Tokenizer},
    train::example::{Example, Prompts},
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

/// An example with what its row says of it besides.
struct Entry {
    example: Example,
    task: String,
    /// The question it answers.
    question: String,
}

/// What a run learns from.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) examples: Vec<Example>,
    /// For the auxiliary term, if there is one.
    pub(super) prompts: Option<Prompts>,
}

/// All examples of a stage, at least one, each short enough and scorable.
pub(super) fn read(
    cx: &Context<'_>,
    spec: &TrainSpec,
    base: &ModelFiles,
    tokenizer: &Tokenizer,
    limits: Limits,
) -> Result<Prepared, Failure> {
    let loss = spec.objective.0;
    let encoder = Encoder::new(tokenizer, base, &encoding(spec))?;
    let mut entries = match loss.examples() {
        Examples::Texts => all(&encoder, &cx.rows::<Text>("texts")?, text)?,
        Examples::Completions if field_of(spec) == "pairs" => {
            all(&encoder, &cx.rows::<Pair>("pairs")?, chosen_side)?
        }
        Examples::Completions => all(&encoder, &cx.rows::<Completion>("completions")?, completion)?,
        Examples::Pairs => all(&encoder, &cx.rows::<Pair>("pairs")?, pair)?,
    };
    let field = field_of(spec);
    if entries.is_empty() {
        let message = format!("`{field}` holds no rows: there is nothing to train on");
        return Err(
            Failure::input(message).hint("look at what the stage that writes them reports as dropped")
        );
    }
    let read = entries.len();
    fit_lengths(cx, spec, limits, &mut entries);
    drop_entries(cx, spec, &mut entries, "have no token to learn and", |entry| !entry.example.is_scorable());
    if entries.is_empty() {
        return Err(Failure::input(format!("none of the {read} {field} has a token to learn")));
    }
    check_languages(spec, &entries)?;
    if loss.needs_reference() {
        add_references(&cx.rows::<PairLogProbability>("reference")?, &mut entries)?;
    }
    add_columns(cx, spec, &mut entries)?;
    let (examples, questions): (Vec<Example>, Vec<String>) =
        entries.into_iter().map(|entry| (entry.example, entry.question)).unzip();
    let prompts = prompts::read(cx, spec, &encoder, limits, &examples, &questions)?;
    encoder.notes().iter().for_each(|note| cx.observer.note(note));
    check_vocabulary(&examples, prompts.as_ref(), limits)?;
    Ok(Prepared { examples, prompts })
}

/// How texts become tokens.
pub(super) fn encoding(spec: &TrainSpec) -> Encoding {
    Encoding { chat: spec.chat.as_ref().map(Into::into), joint: spec.joint, append_end: spec.append_end }
}

fn all<R: Sync>(
    encoder: &Encoder<'_>,
    rows: &[R],
    encode: impl Fn(&Encoder<'_>, &R) -> Result<Entry, Failure> + Sync,
) -> Result<Vec<Entry>, Failure> {
    rows.par_iter().map(|row| encode(encoder, row)).collect()
}

fn text(encoder: &Encoder<'_>, row: &Text) -> Result<Entry, Failure> {
    let (prompt, rest) = encoder.text(&row.text)?;
    let example = Example {
        id: row.id.clone(),
        prompt,
        branches: vec![rest],
        lang: row.lang.clone(),
        ..Example::default()
    };
    Ok(Entry { example, task: String::new(), question: row.id.clone() })
}

fn completion(encoder: &Encoder<'_>, row: &Completion) -> Result<Entry, Failure> {
    let (prompt, branches) = encoder.completions(&row.prompt, &[&row.completion])?;
    let id = format!("{}/{}/{}", row.id, row.lang, row.sample);
    let example = Example { id, prompt, branches, lang: row.lang.clone(), ..Example::default() };
    Ok(Entry { example, task: String::new(), question: row.id.clone() })
}

fn pair(encoder: &Encoder<'_>, row: &Pair) -> Result<Entry, Failure> {
    let (prompt, branches) = encoder.completions(&row.prompt, &[&row.chosen, &row.rejected])?;
    let example = Example {
        id: row.id.clone(),
        prompt,
        branches,
        group: row.group.clone(),
        lang: row.lang.clone(),
        ..Example::default()
    };
    Ok(Entry { example, task: row.task.clone(), question: row.question.clone() })
}

/// A pair as an answer to imitate.
fn chosen_side(encoder: &Encoder<'_>, row: &Pair) -> Result<Entry, Failure> {
    let (prompt, branches) = encoder.completions(&row.prompt, &[&row.chosen])?;
    let example =
        Example { id: row.id.clone(), prompt, branches, lang: row.lang.clone(), ..Example::default() };
    Ok(Entry { example, task: row.task.clone(), question: row.question.clone() })
}

/// Cuts or leaves out what is longer than the stage admits, and says how often.
fn fit_lengths(cx: &Context<'_>, spec: &TrainSpec, limits: Limits, entries: &mut Vec<Entry>) {
    let most = spec.max_length.unwrap_or(limits.positions).min(limits.positions);
    if spec.overlong == Overlong::Drop {
        let prompt = spec.max_prompt_length.unwrap_or(most);
        let why = format!("are longer than {most} tokens in all or {prompt} of the prompt and");
        drop_entries(cx, spec, entries, &why, |entry| {
            entry.example.longest() > most || entry.example.prompt.len() > prompt
        });
        return;
    }
    let (mut prompts, mut branches) = (0, 0);
    for entry in entries.iter_mut() {
        let truncated = entry.example.truncate(most, spec.max_prompt_length);
        prompts += usize::from(truncated.prompt);
        branches += usize::from(truncated.branch);
    }
    let count = entries.len();
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

/// Leaves entries out, with all of their group if the objective is one over groups, and says how many.
fn drop_entries(
    cx: &Context<'_>,
    spec: &TrainSpec,
    entries: &mut Vec<Entry>,
    why: &str,
    unfit: impl Fn(&Entry) -> bool,
) {
    let field = field_of(spec);
    let read = entries.len();
    let dropped = entries.iter().filter(|entry| unfit(entry)).count();
    let of_groups = spec.objective.0.unit() == Unit::Group;
    let broken: BTreeSet<String> = (entries.iter())
        .filter(|entry| of_groups && !entry.example.group.is_empty() && unfit(entry))
        .map(|entry| entry.example.group.clone())
        .collect();
    entries.retain(|entry| !unfit(entry) && !broken.contains(&entry.example.group));
    if dropped > 0 {
        cx.observer.note(&format!("{dropped} of {read} {field} {why} are left out"));
    }
    let mates = read - entries.len() - dropped;
    if mates > 0 {
        cx.observer.note(&format!("{mates} of {read} {field} are left out because one of their group is"));
    }
}

/// With languages one after the other, every row's language must have a place.
fn check_languages(spec: &TrainSpec, entries: &[Entry]) -> Result<(), Failure> {
    if spec.language_schedule != LanguageSchedule::Sequential {
        return Ok(());
    }
    match entries.iter().find(|entry| !spec.language_order.contains(&entry.example.lang)) {
        None => Ok(()),
        Some(Entry { example, .. }) => {
            let message = format!(
                "`{}` is in language `{}`, which `language_order` leaves out",
                example.id, example.lang
            );
            Err(Failure::input(message).hint("name every language of the rows"))
        }
    }
}

/// Puts the objective's own numbers to the examples.
fn add_columns(cx: &Context<'_>, spec: &TrainSpec, entries: &mut [Entry]) -> Result<(), Failure> {
    let facts: Vec<Facts<'_>> = (entries.iter())
        .map(|Entry { example, task, .. }| Facts {
            id: &example.id,
            lang: &example.lang,
            task,
            group: &example.group,
            references: &example.references,
        })
        .collect();
    let columns = spec.objective.0.columns(&objective::settings(spec), &facts)?;
    columns.notes.iter().for_each(|note| cx.observer.note(note));
    for (entry, row) in entries.iter_mut().zip(columns.rows) {
        entry.example.columns = row;
    }
    Ok(())
}

/// Puts the reference log-probabilities to the pairs they belong to.
fn add_references(rows: &[PairLogProbability], entries: &mut [Entry]) -> Result<(), Failure> {
    let by_id: BTreeMap<&str, &PairLogProbability> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    for Entry { example, .. } in entries {
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

fn check_vocabulary(examples: &[Example], prompts: Option<&Prompts>, limits: Limits) -> Result<(), Failure> {
    let tokens =
        examples.iter().flat_map(|example| example.prompt.iter().chain(example.branches.iter().flatten()));
    let further = prompts.iter().flat_map(|prompts| prompts.questions.iter().flatten().flatten());
    match tokens.chain(further).max() {
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
