//! Settings of `pairs` that make no sense together.

use super::{
    row,
    spec::{Format, PLACEHOLDER, PairsSpec, Rule},
};
use crate::stage::contract::Problem;

/// All problems.
pub(super) fn check(spec: &PairsSpec) -> Vec<Problem> {
    let mut problems = inputs(spec);
    if spec.format == Format::Translation && spec.translations.is_none() {
        let hint = "`translations = \"STAGE\"` names a stage of kind `translate`";
        problems.push(Problem::new("format", "there are no translations", hint));
    }
    if spec.explanations.is_some() && spec.translations.is_some() {
        let hint = "translations of the winner's text are its explanations";
        problems.push(Problem::new("explanations", "there are translations too", hint));
    }
    let prompts = spec.prompts.iter().map(|(lang, prompt)| (format!("prompts.{lang}"), prompt));
    for (field, prompt) in std::iter::once(("prompt".to_owned(), &spec.prompt)).chain(prompts) {
        if !prompt.contains(PLACEHOLDER) {
            let message = format!("does not contain `{PLACEHOLDER}`");
            problems.push(Problem::new(field, message, "every question would get the same prompt"));
        }
    }
    for lang in spec.exclude_languages.iter().filter(|lang| spec.languages.contains(lang)) {
        let message = format!("`{lang}` is among `languages` too");
        problems.push(Problem::new("exclude_languages", message, "leave it out of one of them"));
    }
    let mut seen = Vec::new();
    for lang in &spec.languages {
        if seen.contains(&lang) {
            let message = format!("`{lang}` is listed more than once");
            problems.push(Problem::new("languages", message, "each language once"));
        }
        seen.push(lang);
    }
    numbers(spec, &mut problems);
    problems
}

/// Inputs that are missing or not read by the rule.
fn inputs(spec: &PairsSpec) -> Vec<Problem> {
    let row = row(spec.rule);
    let name = serde_json::to_value(spec.rule).unwrap_or_default();
    let name = name.as_str().unwrap_or_default();
    let read: Vec<String> = row.needs.iter().chain(row.may).map(|field| format!("`{field}`")).collect();
    let hint = format!("the rule `{name}` reads {}", read.join(", "));
    let mut problems = Vec::new();
    for (field, given, _) in spec.inputs() {
        if given.is_none() && row.needs.contains(&field) {
            problems.push(Problem::new(field, "is missing", hint.clone()));
        }
        if given.is_some() && !row.needs.contains(&field) && !row.may.contains(&field) {
            problems.push(Problem::new(field, "is not read by this rule", hint.clone()));
        }
    }
    problems
}

fn numbers(spec: &PairsSpec, problems: &mut Vec<Problem>) {
    // Compared so that NaN fails.
    if !(0.0..1.0).contains(&spec.validation_fraction) {
        let message = format!("must be at least 0 and below 1: {}", spec.validation_fraction);
        problems.push(Problem::new("validation_fraction", message, "0 holds nothing back"));
    }
    if spec.min_margin.is_some_and(|margin| !margin.is_finite()) {
        problems.push(Problem::new("min_margin", "is no number", "leave it out for no limit"));
    }
    let mut at_least_one = |field: &str, value: usize| {
        if value == 0 {
            problems.push(Problem::new(field, "must be at least 1: 0", format!("`{field} = 1`")));
        }
    };
    at_least_one("passes", spec.passes);
    at_least_one("train", spec.train.unwrap_or(1));
    if spec.rule == Rule::RandomParallel && spec.languages.len() == 1 {
        let hint = "two or more share a preference; leave it out for all";
        problems.push(Problem::new("languages", "one language has nobody to agree with", hint));
    }
}
