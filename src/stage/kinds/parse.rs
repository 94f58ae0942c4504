//! `parse`: reads an answer out of every sample, and keeps the sample and why it has none (methods 1.5, 2.3, 5.4).
//!
//! `vote`, `select-reference`, `cross-score`, `pairs` and `evaluate` read what it writes. `vote` and `evaluate` also take samples
//! and read them in the usual way by themselves; with this kind in between, everything about reading can be chosen, and what
//! was read can be looked at.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Answers, LabelSpec, Parse, Reading};
use crate::{
    align::answer::{letter::Letters, number::Numbers, pattern::Which},
    artifact::row::{Row, answer::Answer, completion::Completion, question::Question},
    failure::{Failure, bug},
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::{Ports, Reference},
    },
    task::language::LangCode,
};

/// The kind.
pub enum ParseKind {}

/// Settings of `parse`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParseSpec {
    /// The questions that were asked.
    #[serde(skip_serializing)]
    pub questions: Reference,
    /// The samples.
    #[serde(skip_serializing)]
    pub completions: Reference,
    /// How an answer is read out of a sample.
    #[serde(default)]
    pub parse: Parse,
    /// For `letter`: how many options there are; letters go from A to the last of them.
    #[serde(default = "five")]
    pub options: u8,
    /// For `letter`: look at the second character before the first, as CALM's code does; it covers `(B)`.
    #[serde(default = "yes")]
    pub second_character_first: bool,
    /// For `letter`: refuse a single character that is no option. CALM's code accepts it: `false` reads its samples as it did.
    #[serde(default = "yes")]
    pub require_valid_letter: bool,
    /// For `letter`: labels of languages that have none, or other ones. Known: en, zh, fr, de, it, ja.
    #[serde(default)]
    pub labels: BTreeMap<LangCode, LabelSpec>,
    /// For `number`: whether a minus sign counts.
    #[serde(default)]
    pub signed: bool,
    /// For `number`: numbers of a question that are no farther apart are the same answer.
    #[serde(default = "thousandth")]
    pub tolerance: f64,
    /// For `number`: what a sample without a number answers. MAPO's code has 0; absent, it has no answer.
    #[serde(default)]
    pub without_number: Option<f64>,
    /// For `code`: whether a sample without a fence is code as a whole.
    #[serde(default)]
    pub bare_code: bool,
    /// For `regex`: the pattern. Its first group that takes part is the answer, or the whole match.
    #[serde(default)]
    pub pattern: Option<String>,
    /// For `regex`: patterns of single languages.
    #[serde(default)]
    pub patterns: BTreeMap<LangCode, String>,
    /// For `regex`: which match counts.
    #[serde(default, rename = "match")]
    pub which: Match,
}

/// Which match of a pattern counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// The last one.
    #[default]
    Last,
    /// The first one.
    First,
}

fn yes() -> bool {
    true
}
fn five() -> u8 {
    5
}
fn thousandth() -> f64 {
    1e-3
}

impl Kind for ParseKind {
    const NAME: &'static str = "parse";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "the answer that each sample gives: a letter, a number, code, a choice, an entity";
    type Spec = ParseSpec;

    fn ports(spec: &ParseSpec) -> Ports {
        Ports::default()
            .reads("questions", &spec.questions, Question::KIND)
            .reads("completions", &spec.completions, Completion::KIND)
            .writes("answers", Answer::KIND)
    }

    fn check(spec: &ParseSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(2..=26).contains(&spec.options) {
            let message = format!("must be between 2 and 26: {}", spec.options);
            problems.push(Problem::new("options", message, "letters go from A to Z"));
        }
        // Compared so that NaN fails.
        if !(spec.tolerance >= 0.0 && spec.tolerance.is_finite()) {
            let message = format!("must be at least 0: {}", spec.tolerance);
            problems.push(Problem::new("tolerance", message, "0 tells apart all numbers"));
        }
        for (lang, label) in spec.labels.iter().filter(|(_, label)| label.answer.trim().is_empty()) {
            let message = format!("the label is blank: `{}`", label.answer);
            problems.push(Problem::new(format!("labels.{lang}.answer"), message, "such as `Answer:`"));
        }
        let patterns = spec.pattern.iter().map(|pattern| ("pattern".to_owned(), pattern));
        let own = spec.patterns.iter().map(|(lang, pattern)| (format!("patterns.{lang}"), pattern));
        for (field, pattern) in patterns.chain(own) {
            if let Err(error) = Regex::new(pattern) {
                let message = error.to_string();
                let message = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
                problems.push(Problem::new(field, message, "the syntax is that of the Rust crate `regex`"));
            }
        }
        let given = spec.pattern.is_some() || !spec.patterns.is_empty();
        if given != (spec.parse == Parse::Regex) {
            let hint = "`parse = \"regex\"` goes with `pattern`, or with `patterns` per language";
            let message = if given { "is for `parse = \"regex\"` alone" } else { "is missing" };
            let field = if given && spec.pattern.is_none() { "patterns" } else { "pattern" };
            problems.push(Problem::new(field, message, hint));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &ParseSpec) -> Result<(), Failure> {
        let questions: Vec<Question> = cx.rows("questions")?;
        let completions: Vec<Completion> = cx.rows("completions")?;
        let rows = Answers::new(&questions, reading(spec), &[])?.all(&completions)?;
        let mut writer = cx.write_rows::<Answer>("answers")?;
        rows.iter().try_for_each(|row| writer.write(row))?;
        writer.finish()?;
        report(cx, &rows)
    }
}

fn reading(spec: &ParseSpec) -> Reading {
    let compiled = |pattern: &String| Regex::new(pattern).unwrap_or_else(|error| bug(error));
    Reading {
        parse: spec.parse,
        letters: Letters {
            options: spec.options,
            second_character_first: spec.second_character_first,
            require_valid: spec.require_valid_letter,
        },
        labels: spec.labels.clone(),
        numbers: Numbers { signed: spec.signed },
        tolerance: spec.tolerance,
        without_number: spec.without_number,
        bare_code: spec.bare_code,
        pattern: spec.pattern.as_ref().map(compiled),
        patterns: spec.patterns.iter().map(|(lang, pattern)| (lang.clone(), compiled(pattern))).collect(),
        which: Some(match spec.which {
            Match::Last => Which::Last,
            Match::First => Which::First,
        }),
    }
}

/// Says how many samples have an answer, per reason and language.
fn report(cx: &Context<'_>, rows: &[Answer]) -> Result<(), Failure> {
    let mut reasons: IndexMap<&str, IndexMap<&str, usize>> = IndexMap::new();
    for row in rows.iter().filter(|row| row.answer.is_none()) {
        *reasons.entry(&row.dropped).or_default().entry(&row.lang).or_default() += 1;
    }
    let dropped: usize = reasons.values().flat_map(IndexMap::values).sum();
    let told = reasons.iter().map(|(reason, languages)| {
        let languages: Vec<String> =
            languages.iter().map(|(lang, count)| format!("{lang} {count}")).collect();
        format!("; {reason}: {}", languages.join(", "))
    });
    let told: String = told.collect();
    let summary = format!("{} of {} samples have an answer{told}", rows.len() - dropped, rows.len());
    if dropped == rows.len() {
        return Err(Failure::input(summary).hint("look at `completions` and at the setting `parse`"));
    }
    cx.observer.note(&summary);
    Ok(())
}
