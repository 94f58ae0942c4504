//! Settings of `dataset` that make no sense.

use super::{
    presets,
    prompt::Style,
    spec::{DatasetSpec, Duplicates, RowKind},
};
use crate::{stage::contract::Problem, task::language::LangCode};

/// All of them.
pub(super) fn problems(spec: &DatasetSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    sources(spec, &mut problems);
    if let Some(preset) = spec.preset.as_ref().filter(|_| spec.benchmark().is_none()) {
        let message = format!("there is no preset `{preset}`");
        problems.push(Problem::new("preset", message, format!("presets: {}", presets())));
    }
    let Some(rows) = spec.row_kind() else {
        if spec.preset.is_none() {
            let hint = "rows = \"questions\", or preset = \"NAME\" for a published data set";
            problems.push(Problem::new("rows", "nothing says what the rows are", hint));
        }
        return problems;
    };
    fields(spec, rows, &mut problems);
    if let Some(split) = &spec.split {
        problems.extend(split.check(spec.train_ids.is_some()));
    }
    let for_questions = [
        ("split", spec.split.is_some()),
        ("train_ids", spec.train_ids.is_some()),
        ("prompt", spec.prompt.is_some()),
        ("links", spec.links.is_some()),
        ("against", spec.against.is_some()),
        ("shuffle", spec.shuffle.is_some()),
    ];
    for (setting, given) in for_questions {
        if given && rows != RowKind::Questions {
            let message =
                format!("`{setting}` is for questions, and these rows are {}", rows.artifact().name);
            problems.push(Problem::new(setting, message, format!("leave `{setting}` out")));
        }
    }
    let reorders = spec.shuffle.is_some() || spec.duplicates == Duplicates::Merge;
    if reorders && spec.prompt.as_ref().is_some_and(|prompt| prompt.style == Style::Published) {
        let message = "a published prompt shows the options in their published order";
        problems.push(Problem::new(
            "prompt.style",
            message,
            "leave out `shuffle` and `duplicates`, or use `lines`",
        ));
    }
    problems
}

fn sources(spec: &DatasetSpec, problems: &mut Vec<Problem>) {
    let given = [spec.file.is_some(), !spec.files.is_empty(), spec.folder.is_some()];
    match given.into_iter().filter(|given| *given).count() {
        0 => {
            let hint =
                "file = \"rows.jsonl\", files = {en = \"en.tsv\", sw = \"sw.tsv\"}, or folder = \"data\"";
            problems.push(Problem::new("file", "there is no file to read", hint));
        }
        1 => {}
        _ => {
            let field = if spec.files.is_empty() { "folder" } else { "files" };
            let message = "there is more than one of `file`, `files` and `folder`";
            problems.push(Problem::new(field, message, "give one of them"));
        }
    }
    if spec.folder.is_some() && spec.preset.is_none() && spec.pattern.is_none() {
        let hint = "pattern = \"{lang}.csv\"";
        problems.push(Problem::new("pattern", "nothing says how the files in the folder are called", hint));
    }
}

fn fields(spec: &DatasetSpec, rows: RowKind, problems: &mut Vec<Problem>) {
    let known = rows.fields();
    let mut named: Vec<(&str, &String)> = Vec::new();
    named.extend(spec.fields.keys().map(|field| ("fields", field)));
    named.extend(spec.lists.keys().map(|field| ("lists", field)));
    named.extend(spec.separators.keys().map(|field| ("separators", field)));
    named.extend(spec.templates.keys().map(|field| ("templates", field)));
    named.extend(spec.values.keys().map(|field| ("values", field)));
    for (setting, field) in named {
        if !known.contains(&field.as_str()) {
            let message = format!("`{}` rows have no field `{field}`", rows.artifact().name);
            let hint = format!("fields: {}", known.join(", "));
            problems.push(Problem::new(format!("{setting}.{field}"), message, hint));
        } else if ["lists", "separators"].contains(&setting)
            && !["choices", "choice_ids"].contains(&field.as_str())
        {
            let message = format!("`{field}` is not a list");
            problems.push(Problem::new(format!("{setting}.{field}"), message, "lists: choices, choice_ids"));
        }
    }
    if let Some(lang) = spec.values.get("lang")
        && let Err(error) = lang.parse::<LangCode>()
    {
        let hint = "language codes are those of ISO 639";
        problems.push(Problem::new("values.lang", error.to_string(), hint));
    }
}
