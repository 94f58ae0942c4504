//! Asks the judge, again where nothing could be read, and writes what it said.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{JudgeSpec, Mode, Order, Unparsable, prompts};
use crate::{
    align::judgement::{self, Parser, Preference, Reader},
    artifact::row::{completion::Completion, verdict::Verdict},
    digest::Digest,
    failure::{Failure, bug},
    stage::{
        context::Context,
        kinds::asking::{self, Asking, Prompt},
    },
};

/// What the judge said about one prompt.
#[derive(Clone, Debug, Default)]
struct Said {
    text: String,
    verdict: Option<String>,
}

/// Judges all answers.
pub(super) fn judge(cx: &Context<'_>, spec: &JudgeSpec) -> Result<(), Failure> {
    let completions: Vec<Completion> = cx.rows("completions")?;
    check_unique(&completions, "completions")?;
    let against: Vec<Completion> = if cx.has("against") { cx.rows("against")? } else { Vec::new() };
    check_unique(&against, "against")?;
    let opponents = Opponents::new(&against);
    let judged: Vec<(&Completion, Option<&Completion>)> = completions
        .iter()
        .map(|row| (row, opponents.of(row)))
        .filter(|(_, other)| spec.mode != Mode::Pairwise || other.is_some())
        .collect();
    let alone = completions.len() - judged.len();
    if judged.is_empty() {
        let message = match completions.len() {
            0 => "`completions` holds no rows: there is nothing to judge".to_owned(),
            count => format!("`against` answers none of the {count} prompts of `completions`"),
        };
        return Err(Failure::input(message).hint("both must answer the same questions in the same languages"));
    }
    let mut prompts = Vec::new();
    for (row, other) in &judged {
        prompts.extend(prompts_of(spec, row, *other));
    }
    let said = ask(cx, spec, prompts)?;
    let each = said.len() / judged.len();
    let rows = judged.iter().zip(said.chunks(each.max(1)));
    write(cx, spec, rows.map(|((row, _), said)| (*row, said)), alone)
}

fn check_unique(rows: &[Completion], field: &str) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match rows.iter().find(|row| !seen.insert((&row.id, &row.lang, row.sample))) {
        None => Ok(()),
        Some(row) => Err(Failure::input(format!("`{field}` has the answer `{}` twice", prompts::name(row)))),
    }
}

/// The answers to compare with.
struct Opponents<'a> {
    rows: BTreeMap<(&'a str, &'a str, usize), &'a Completion>,
    /// Whether every question has one answer: then it stands against all samples.
    single: bool,
}

impl<'a> Opponents<'a> {
    fn new(rows: &'a [Completion]) -> Self {
        let key = |row: &'a Completion| ((row.id.as_str(), row.lang.as_str(), row.sample), row);
        Self { rows: rows.iter().map(key).collect(), single: rows.iter().all(|row| row.sample == 0) }
    }

    fn of(&self, row: &Completion) -> Option<&'a Completion> {
        let sample = if self.single { 0 } else { row.sample };
        self.rows.get(&(row.id.as_str(), row.lang.as_str(), sample)).copied()
    }
}

/// What is asked about one answer: once, or in both orders.
fn prompts_of(spec: &JudgeSpec, row: &Completion, other: Option<&Completion>) -> Vec<Prompt> {
    let template = prompts::template(spec);
    let prompt = |order: &str, answers: &[&str]| Prompt {
        id: format!("{}{order}", prompts::name(row)),
        text: prompts::fill(template, &row.prompt, &row.lang, answers),
        samples: Vec::new(),
    };
    let own = row.completion.as_str();
    match other.map(|other| other.completion.as_str()) {
        None => vec![prompt("", &[own])],
        Some(other) => {
            let mut prompts = vec![prompt("/first", &[own, other])];
            if spec.order == Order::Both {
                prompts.push(prompt("/second", &[other, own]));
            }
            prompts
        }
    }
}

/// Asks for everything, then again for what could not be read.
fn ask(cx: &Context<'_>, spec: &JudgeSpec, mut prompts: Vec<Prompt>) -> Result<Vec<Said>, Failure> {
    let reader = reader(spec);
    let words = prompts::words(spec);
    let mut said = vec![Said::default(); prompts.len()];
    for round in 0..=spec.retries {
        for (prompt, said) in prompts.iter_mut().zip(&said) {
            prompt.samples = if said.verdict.is_none() { vec![round] } else { Vec::new() };
        }
        let asking = Asking { field: "model", how: &spec.generation, journal: "verdicts.jsonl" };
        let mut answers = asking::ask(cx, asking, &prompts)?;
        for (index, said) in said.iter_mut().enumerate().filter(|(_, said)| said.verdict.is_none()) {
            let text = answers.take(index, round).text;
            let verdict = reader.said(&text).and_then(|said| match spec.mode {
                Mode::Score => score(&said, spec.range),
                Mode::Safety | Mode::Pairwise => judgement::meaning(&said, &words).map(str::to_owned),
            });
            *said = Said { text, verdict };
        }
    }
    Ok(said)
}

fn reader(spec: &JudgeSpec) -> Reader {
    match (spec.parser, &spec.pattern) {
        (Parser::FirstWord, _) => Reader::FirstWord,
        (Parser::Json, _) => Reader::Json(spec.field.clone()),
        (Parser::Regex, Some(pattern)) => {
            Reader::Regex(Regex::new(pattern).unwrap_or_else(|error| bug(error)))
        }
        (Parser::Regex, None) => bug("a pattern is missing that was checked to be there"),
    }
}

/// A number within its range, written as short as it can be.
fn score(said: &str, [lowest, highest]: [f64; 2]) -> Option<String> {
    let score: f64 = said.parse().ok()?;
    (lowest..=highest).contains(&score).then(|| score.to_string())
}

/// The verdict of all orders; `None` if one of them cannot be read.
fn settle(spec: &JudgeSpec, said: &[Said]) -> Option<String> {
    let verdicts: Vec<&str> = said.iter().map(|said| said.verdict.as_deref()).collect::<Option<_>>()?;
    if spec.mode != Mode::Pairwise {
        return verdicts.first().map(|&verdict| verdict.to_owned());
    }
    let preference = |verdict: &&str| match *verdict {
        "first" => Preference::First,
        "second" => Preference::Second,
        _ => Preference::Tie,
    };
    let shown_first = verdicts.first().map(preference)?;
    Some(judgement::outcome(shown_first, verdicts.get(1).map(preference)).to_owned())
}

fn worst(spec: &JudgeSpec) -> String {
    match spec.mode {
        Mode::Safety => "unsafe".to_owned(),
        Mode::Pairwise => "tie".to_owned(),
        Mode::Score => spec.range[0].to_string(),
    }
}

fn write<'a>(
    cx: &Context<'_>,
    spec: &JudgeSpec,
    rows: impl Iterator<Item = (&'a Completion, &'a [Said])>,
    alone: usize,
) -> Result<(), Failure> {
    let mut writer = cx.write_rows::<Verdict>("verdicts")?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut unreadable, mut total): (Vec<String>, usize) = (Vec::new(), 0);
    for (row, said) in rows {
        total += 1;
        let verdict = settle(spec, said);
        let unparsable = verdict.is_none();
        let judge_text = said.iter().map(|said| said.text.as_str()).collect::<Vec<_>>().join("\n\n");
        if unparsable {
            let shown: String = judge_text.chars().take(60).collect();
            unreadable.push(format!("`{}`: {shown:?}", prompts::name(row)));
            if spec.unparsable == Unparsable::Drop {
                continue;
            }
        }
        let verdict = verdict.unwrap_or_else(|| worst(spec));
        *counts.entry(verdict.clone()).or_default() += 1;
        writer.write(&Verdict {
            id: row.id.clone(),
            lang: row.lang.clone(),
            sample: row.sample,
            verdict,
            judge_text,
            unparsable,
        })?;
    }
    writer.finish()?;
    let hint = "look at `parser` and `words`, or ask for the form more clearly in `prompt`";
    if let (Unparsable::Error, Some(first)) = (spec.unparsable, unreadable.first()) {
        let message = format!("{} verdicts cannot be read, the first of {first}", unreadable.len());
        return Err(Failure::input(message).hint(hint));
    }
    if unreadable.len() == total {
        let first = unreadable.first().map(String::as_str).unwrap_or_default();
        return Err(Failure::input(format!("no verdict can be read, the first of {first}")).hint(hint));
    }
    cx.observer.note(&told(spec, &counts, unreadable.len(), alone));
    Ok(())
}

fn told(spec: &JudgeSpec, counts: &BTreeMap<String, usize>, unreadable: usize, alone: usize) -> String {
    let counted: Vec<String> = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    let unreadable = match (unreadable, spec.unparsable) {
        (0, _) => String::new(),
        (count, Unparsable::Drop) => format!("; {count} unparsable, left out"),
        (count, _) => format!("; {count} unparsable, counted as {}", worst(spec)),
    };
    let alone = if alone == 0 { String::new() } else { format!("; {alone} have no answer to compare with") };
    let hash = Digest::of(prompts::template(spec).as_bytes());
    format!("{}{unreadable}{alone}; prompt {}", counted.join(", "), hash.short())
}
