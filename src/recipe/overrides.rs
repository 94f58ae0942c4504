//! `--set path=value`: replaces or adds one value of a recipe before anything else looks at it.
//!
//! Values are typed as in TOML. What is not TOML is a string, so that a shell's quoting is not in the way:
//! `--set stage.dpo.objective=dpo`.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{Sources, document::SECTIONS};
use crate::diagnostic::{Diagnostic, closest};

/// Applies all overrides in turn; the last one for a path wins.
pub(super) fn apply<'i>(sources: &'i Sources, root: &mut DeTable<'i>, problems: &mut Vec<Diagnostic>) {
    for (base, source) in sources.overrides() {
        if let Err((span, problem)) = apply_one(&source.text, base, root) {
            problems.push(problem.at(sources.place(&span)));
        }
    }
}

type Misplaced = (Range<usize>, Diagnostic);

fn apply_one<'i>(text: &'i str, base: usize, root: &mut DeTable<'i>) -> Result<(), Misplaced> {
    let hint = "write it as `path=value`: `--set params.beta=0.2`, `--set stage.dpo.epochs=1`";
    let all = base..base + text.len();
    let Some((path, value)) = text.split_once('=') else {
        return Err((all, Diagnostic::error(format!("an override without `=`: `{text}`")).hint(hint)));
    };
    let mut keys = Vec::new();
    let mut start = base;
    for key in path.split('.') {
        if key.trim().is_empty() {
            return Err((all, Diagnostic::error(format!("not a path of settings: `{path}`")).hint(hint)));
        }
        keys.push(Spanned::new(start..start + key.len(), key.trim()));
        start += key.len() + 1;
    }
    let value = read_value(value, base + path.len() + 1)?;
    place(root, &keys, value)
}

/// Puts `value` at the path `keys`.
fn place<'i>(
    root: &mut DeTable<'i>,
    keys: &[Spanned<&'i str>],
    value: Spanned<DeValue<'i>>,
) -> Result<(), Misplaced> {
    let mut table = root;
    let (last, parents) = keys.split_last().unwrap_or_else(|| crate::failure::bug("a path without a key"));
    for (depth, key) in keys.iter().enumerate() {
        must_exist(table, keys, depth)?;
        if depth == parents.len() {
            break;
        }
        let name = *key.get_ref();
        if !table.contains_key(name) {
            let empty = Spanned::new(key.span(), DeValue::Table(DeTable::new()));
            table.insert(Spanned::new(key.span(), name.into()), empty);
        }
        table = match table.get_mut(name).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) => inner,
            _ => return Err((key.span(), Diagnostic::error(format!("`{name}` is not a table")))),
        };
    }
    let name: &'i str = last.get_ref();
    table.insert(Spanned::new(last.span(), name.into()), value);
    Ok(())
}

/// An override may add a setting to a node, but it cannot add sections, parameters or nodes.
fn must_exist(table: &DeTable<'_>, keys: &[Spanned<&str>], depth: usize) -> Result<(), Misplaced> {
    let section = keys.first().map_or("", |key| key.get_ref());
    let Some(key) = keys.get(depth) else { return Ok(()) };
    let name = *key.get_ref();
    let refuse = |what: String, near: Option<&str>, listed: String| {
        let hint = near.map_or(listed, |near| format!("did you mean `{near}`?"));
        let problem = Diagnostic::error(format!("there is no {what} to override"));
        Err((key.span(), problem.label("not in the recipe").hint(hint)))
    };
    match depth {
        0 if !SECTIONS.contains(&name) => {
            let listed = format!("a path begins with one of: {}", SECTIONS.join(", "));
            refuse(format!("section `{name}`"), closest(name, SECTIONS), listed)
        }
        0 if keys.len() == 1 => {
            let problem = Diagnostic::error(format!("`{name}` is a whole section"));
            Err((key.span(), problem.hint("name a single value: `--set params.beta=0.2`")))
        }
        1 if section != "recipe" && !table.contains_key(name) => {
            let what = if section == "params" { "parameter" } else { "node" };
            let known: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
            let listed = if known.is_empty() {
                format!("the recipe has no section `{section}`")
            } else {
                format!("in `{section}` there are: {}", known.join(", "))
            };
            refuse(format!("{what} `{section}.{name}`"), closest(name, known.iter().copied()), listed)
        }
        1 if keys.len() == 2 && !matches!(section, "recipe" | "params") => {
            let problem = Diagnostic::error(format!("`{section}.{name}` is a whole node"));
            Err((
                key.span(),
                problem.hint(format!("name one of its settings: `--set {section}.{name}.seed=1`")),
            ))
        }
        _ => Ok(()),
    }
}

/// Reads a value as TOML; what is not TOML, and does not look like a slip in TOML, is a string.
fn read_value(text: &str, base: usize) -> Result<Spanned<DeValue<'_>>, Misplaced> {
    let trimmed = text.trim();
    let base = base + (text.len() - text.trim_start().len());
    match DeValue::parse(trimmed) {
        Ok(value) => Ok(shift(value, base)),
        Err(_) if !trimmed.starts_with(['"', '\'', '[', '{']) && !trimmed.is_empty() => {
            Ok(Spanned::new(base..base + trimmed.len(), DeValue::String(trimmed.into())))
        }
        Err(error) => {
            let span = error.span().unwrap_or(0..trimmed.len());
            let problem = Diagnostic::error(format!("not a TOML value: {}", error.message()));
            Err((base + span.start..base + span.end, problem))
        }
    }
}

/// The value with every span moved behind `base`.
pub(super) fn shift<'i>(value: Spanned<DeValue<'i>>, base: usize) -> Spanned<DeValue<'i>> {
    let span = value.span();
    let shifted = base + span.start..base + span.end;
    let value = match value.into_inner() {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| shift(item, base)).collect::<DeArray<'_>>())
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'i>>)| {
                let at = base + key.span().start..base + key.span().end;
                (Spanned::new(at, key.into_inner()), shift(value, base))
            };
            DeValue::Table(table.into_iter().map(entry).collect())
        }
        scalar => scalar,
    };
    Spanned::new(shifted, value)
}
