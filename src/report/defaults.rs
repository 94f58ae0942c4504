//! Finds the settings of a run that its recipe leaves to their defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{cache::Store, engine::RunRecord};

/// Stage -> setting and value, for every setting that enters the stage's key and is not written in the recipe.
pub(super) fn of(record: &RunRecord, store: &Store, recipe: &str) -> Vec<(String, Vec<(String, String)>)> {
    let written = written(recipe, &record.overrides);
    let mut found = Vec::new();
    for stage in &record.stages {
        let Some(known) = stage.key.and_then(|key| store.record(&stage.kind, key)) else { continue };
        let own = written.get(stage.name.as_str());
        let is_written = |name: &str| {
            own.is_some_and(|own| own.iter().any(|known| within(name, known) || within(known, name)))
        };
        let settings = known.explanation.0.iter().filter_map(|(path, value)| {
            let name = path.strip_prefix("settings.")?;
            (!is_written(name) && !is_empty(value)).then(|| (name.to_owned(), value.to_string()))
        });
        let settings: Vec<(String, String)> = settings.collect();
        if !settings.is_empty() {
            found.push((stage.name.clone(), settings));
        }
    }
    found
}

/// Whether the dotted `path` is `prefix` or below it.
fn within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A default that says "nothing": not worth a word.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Node -> dotted settings that are written for it. Reads line by line, as the text may be several files one after
/// another.
fn written(recipe: &str, overrides: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |path: &str| {
        let mut parts = path.splitn(3, '.');
        let (section, node, setting) = (parts.next(), parts.next(), parts.next());
        if let (Some("data" | "model" | "stage"), Some(node), Some(setting)) = (section, node, setting) {
            found.entry(node.to_owned()).or_default().insert(setting.to_owned());
        }
    };
    let mut table = String::new();
    for line in recipe.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            table = header.trim_matches(['[', ' ']).replace(['"', ' '], "");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let name = name.trim().replace('"', "");
            let prefix = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
            match toml::from_str::<toml::Table>(line).ok().and_then(|parsed| parsed.into_iter().next()) {
                Some((_, value)) if !name.contains('.') => leaves(&prefix, &value, &mut note),
                _ => note(&prefix),
            }
        }
    }
    for text in overrides {
        note(text.split('=').next().unwrap_or_default().trim());
    }
    found
}

fn leaves(path: &str, value: &toml::Value, note: &mut impl FnMut(&str)) {
    match value.as_table().filter(|table| !table.is_empty()) {
        Some(table) => {
            for (name, value) in table {
                leaves(&format!("{path}.{name}"), value, note);
            }
        }
        None => note(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_settings_are_found_in_tables_inline_tables_and_overrides() {
        let recipe = "[recipe]\nname = 'x'\n[stage.dpo]\nbeta = 0.1 # strong\n# epochs = 3\nlora = {rank = 8, alpha = 16}\n\
                      [stage.dpo.optimizer]\nlr = 1e-6\n[stage.rank]\nlist = [\n  1,\n]\n[params]\nx = 1\n";
        let found = written(recipe, &["stage.rank.seed=3".to_owned()]);
        let of = |node: &str| found[node].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("dpo"), ["beta", "lora.alpha", "lora.rank", "optimizer.lr"]);
        assert_eq!(of("rank"), ["list", "seed"]);
        assert_eq!(found.len(), 2);
    }
}
