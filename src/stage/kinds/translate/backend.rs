//! Where translations come from: aligned data, or a model.

use std::collections::BTreeMap;

use super::{
    TEXT, TranslateSpec,
    source::{self, Source},
    task::Task,
};
use crate::{
    align::translation::Breach,
    artifact::row::{Row, question::Question, text::Text, translation::Translation},
    failure::{Failure, bug},
    stage::{
        context::Context,
        kinds::asking::{self, Answers, Asking, Prompt},
    },
    task::{language::LangCode, language_name::english_name, script},
};

/// A row of aligned data.
struct Aligned {
    texts: Vec<String>,
    answer: Option<usize>,
}

/// Settles tasks by aligned data; returns how many. What they don't have stays open if a `model` follows.
pub(super) fn look_up(
    cx: &Context<'_>,
    sources: &[Source],
    tasks: &mut [Task],
    model_follows: bool,
) -> Result<usize, Failure> {
    let aligned = read_aligned(cx)?;
    let mut settled = 0;
    for task in tasks.iter_mut().filter(|task| task.open()) {
        let Some(source) = sources.get(task.source) else { continue };
        let refuse = |found: String| Breach { gate: "parallel", found };
        match aligned.get(&(source.id.clone(), task.lang.clone())) {
            None if model_follows => {}
            None => {
                let found = format!("the aligned data have no such row in `{}`", task.lang);
                task.reject(source, 0, &refuse(found));
            }
            Some(row) if row.texts.len() != source.texts.len() => {
                let count = |texts: &[String]| texts.len().saturating_sub(1);
                let found = format!("{} candidates, not {}", count(&row.texts), count(&source.texts));
                task.reject(source, 0, &refuse(found));
            }
            Some(row) => {
                settled += 1;
                task.texts = Some(row.texts.clone());
                let right = source.question.as_ref().and_then(|question| question.answer);
                if let (Some(right), Some(other)) = (right, row.answer)
                    && right != other
                {
                    let found = format!("the right answer is candidate {other}, not {right}");
                    task.reject(source, 0, &refuse(found));
                }
            }
        }
    }
    Ok(settled)
}

fn read_aligned(cx: &Context<'_>) -> Result<BTreeMap<(String, LangCode), Aligned>, Failure> {
    let mut rows = BTreeMap::new();
    let mut add = |id: String, lang: &str, texts: Vec<String>, answer: Option<usize>| {
        let lang: LangCode =
            lang.parse().map_err(|error| Failure::input(format!("row `{id}` of `parallel`: {error}")))?;
        let key = (id, lang);
        if rows.contains_key(&key) {
            let message = format!("row `{}` of `parallel` is there twice in `{}`", key.0, key.1);
            return Err(Failure::input(message).hint("ids must be unique within a language"));
        }
        rows.insert(key, Aligned { texts, answer });
        Ok(())
    };
    let kind = cx.input("parallel").kind;
    if kind == Question::KIND {
        for row in cx.rows::<Question>("parallel")? {
            let texts = source::parts(&row);
            add(row.id, &row.lang, texts, row.answer)?;
        }
    } else if kind == Text::KIND {
        for row in cx.rows::<Text>("parallel")? {
            add(row.id, &row.lang, vec![row.text], None)?;
        }
    } else {
        for row in cx.rows::<Translation>("parallel")? {
            add(row.id, &row.lang, vec![row.text], None)?;
        }
    }
    Ok(rows)
}

/// Lets the model translate every open task; returns how many.
pub(super) fn translate(
    cx: &Context<'_>,
    spec: &TranslateSpec,
    sources: &[Source],
    tasks: &mut [Task],
) -> Result<usize, Failure> {
    let mut prompts = Vec::new();
    for (task, source) in with_sources(tasks, sources, Task::open) {
        for (part, text) in source.texts.iter().enumerate() {
            prompts.push(prompt(spec, &source.id, part, text, (&source.lang, &task.lang)));
        }
    }
    let mut answers = ask(cx, spec, &prompts, "translations.jsonl")?;
    let (mut place, mut settled) = (0, 0);
    for task in tasks.iter_mut().filter(|task| task.open()) {
        let Some(source) = sources.get(task.source) else { continue };
        let mut texts = Vec::new();
        for original in &source.texts {
            texts.push(spaced(original, &answers.take(place, 0).text, &task.lang));
            place += 1;
        }
        task.texts = Some(texts);
        settled += 1;
    }
    Ok(settled)
}

/// Lets the model translate back what has passed the other gates, and holds back what does not come near its source.
pub(super) fn translate_back(
    cx: &Context<'_>,
    spec: &TranslateSpec,
    sources: &[Source],
    tasks: &mut [Task],
) -> Result<(), Failure> {
    let judged = |task: &Task| !task.kept && task.passed().is_some();
    let mut prompts = Vec::new();
    for (task, source) in with_sources(tasks, sources, judged) {
        for (part, text) in task.passed().into_iter().flatten().enumerate() {
            prompts.push(prompt(spec, &source.id, part, text, (&task.lang, &source.lang)));
        }
    }
    let mut answers = ask(cx, spec, &prompts, "back.jsonl")?;
    let mut place = 0;
    for task in tasks.iter_mut().filter(|task| judged(task)) {
        let Some(source) = sources.get(task.source) else { continue };
        for (part, original) in source.texts.iter().enumerate() {
            let back = answers.take(place, 0).text;
            place += 1;
            if let Some(breach) = spec.gates.round_trip_breach(original.trim(), back.trim()) {
                task.reject(source, part, &breach);
            }
        }
    }
    Ok(())
}

fn with_sources<'t>(
    tasks: &'t [Task],
    sources: &'t [Source],
    wanted: impl Fn(&Task) -> bool + 't,
) -> impl Iterator<Item = (&'t Task, &'t Source)> {
    let source = |task: &'t Task| sources.get(task.source).unwrap_or_else(|| bug("a task without a source"));
    tasks.iter().filter(move |task| wanted(task)).map(move |task| (task, source(task)))
}

fn ask(
    cx: &Context<'_>,
    spec: &TranslateSpec,
    prompts: &[Prompt],
    journal: &str,
) -> Result<Answers, Failure> {
    asking::ask(cx, Asking { field: "model", how: &spec.generation, journal }, prompts)
}

fn prompt(
    spec: &TranslateSpec,
    id: &str,
    part: usize,
    text: &str,
    (from, to): (&LangCode, &LangCode),
) -> Prompt {
    let filled = spec
        .prompt
        .replace("{source_language}", &english_name(from))
        .replace("{target_language}", &english_name(to));
    // Last, so that a text that holds a placeholder stays as it is.
    let text = filled.replace(TEXT, text.trim());
    Prompt { id: format!("{id}/{part}/{from}-{to}"), text, samples: vec![0] }
}

/// The model's words with the blanks that stand before the original, where the language has blanks between words.
fn spaced(original: &str, answer: &str, lang: &LangCode) -> String {
    let blanks: String = original.chars().take_while(|c| c.is_whitespace()).collect();
    let blanks = if script::runs_words_together(lang) { String::new() } else { blanks };
    blanks + answer.trim()
}
