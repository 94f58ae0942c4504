//! Finds the kind of a node and reads its settings, with every mistake at its place.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use schemars::SchemaGenerator;
use toml::{Spanned, de::DeValue};

use crate::{
    diagnostic::{Diagnostic, closest},
    recipe::{
        Node, Recipe, Section,
        settings::{self, Mistake, What},
    },
    stage::contract::{Entry, Stage},
};

/// The stage that a node describes, if enough of it is right to know its ports.
pub(super) fn read(
    recipe: &Recipe<'_>,
    node: &Node<'_>,
    kinds: &'static [Entry],
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<dyn Stage>> {
    let entry = match kind_of(recipe, node, kinds) {
        Ok(entry) => entry,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let mut table = node.settings.clone();
    table.get_mut().remove("kind");
    let (stage, mut mistakes) = settings::read(&table, |table| entry.parse(table));
    if stage.is_none() {
        add_all_missing(entry, &table, &mut mistakes);
    }
    let header = node.name.span();
    let unresolved = |span: Option<&Range<usize>>| span.is_some_and(|span| recipe.is_unresolved(span));
    for mistake in mistakes.iter().filter(|mistake| !unresolved(mistake.span.as_ref())) {
        let mut problem = mistake.diagnostic(&subject(node), &header, recipe.sources);
        let origin = mistake.span.as_ref().and_then(|span| recipe.substitution(span));
        problem.hint = match (problem.hint, origin) {
            (None, Some(origin)) => Some(origin.to_owned()),
            (Some(hint), Some(origin)) => Some(format!("{origin}; {hint}")),
            (None, None) => description(entry, &mistake.what),
            (hint, None) => hint,
        };
        problems.push(problem);
    }
    let stage = stage?;
    for problem in stage.check() {
        let written = settings::value_span(table.get_ref(), &problem.field);
        // What was taken out because it is wrong is told already; it must not be called missing too.
        let echoes = |mistake: &Mistake| {
            let is_value = !matches!(mistake.what, What::Unknown { .. });
            is_value && (written.is_none() || mistake.path.join(".") == problem.field)
        };
        if unresolved(written.as_ref()) || mistakes.iter().any(echoes) {
            continue;
        }
        let what = format!("`{}` of {}: {}", problem.field, subject(node), problem.message);
        let place = recipe.sources.place(&written.unwrap_or_else(|| header.clone()));
        problems.push(Diagnostic { hint: problem.hint, ..Diagnostic::error(what).at(place) });
    }
    Some(stage)
}

/// How messages call a node.
pub(super) fn subject(node: &Node<'_>) -> String {
    format!("{} `{}`", node.section.name(), node.name.get_ref())
}

fn kind_of(
    recipe: &Recipe<'_>,
    node: &Node<'_>,
    kinds: &'static [Entry],
) -> Result<&'static Entry, Diagnostic> {
    let (name, span) = match node.settings.get_ref().get("kind") {
        Some(value) => match value.get_ref() {
            DeValue::String(kind) => (kind.to_string(), value.span()),
            other => {
                let message = format!("`kind` must be a string, but it is {}", settings::type_name(other));
                return Err(Diagnostic::error(message).at(recipe.sources.place(&value.span())));
            }
        },
        None => match node.section.default_kind() {
            Some(kind) => (kind.to_owned(), node.name.span()),
            None => return Err(no_kind(recipe, node, kinds)),
        },
    };
    let entry = kinds.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| unknown_kind(recipe, node, &name, &span, kinds))?;
    if entry.section == node.section {
        return Ok(entry);
    }
    let (wrong, right) = (node.section.name(), entry.section.name());
    Err(Diagnostic::error(format!("kind `{name}` does not belong in a section `[{wrong}.NAME]`"))
        .at(recipe.sources.place(&span))
        .label(format!("belongs in `[{right}.NAME]`"))
        .hint(format!("rename the section to `[{right}.{}]`", node.name.get_ref())))
}

fn no_kind(recipe: &Recipe<'_>, node: &Node<'_>, kinds: &[Entry]) -> Diagnostic {
    Diagnostic::error(format!("{} has no `kind`", subject(node)))
        .at(recipe.sources.place(&node.name.span()))
        .label("what is it?")
        .hint(format!("add `kind = \"...\"` with one of: {}", names(node.section, kinds)))
}

fn unknown_kind(
    recipe: &Recipe<'_>,
    node: &Node<'_>,
    name: &str,
    span: &Range<usize>,
    kinds: &[Entry],
) -> Diagnostic {
    let listed = format!("kinds in `{}`: {}", node.section.name(), names(node.section, kinds));
    let hint = match closest(name, kinds.iter().map(|entry| entry.name)) {
        Some(near) => format!("did you mean `{near}`? {listed}"),
        None => listed,
    };
    Diagnostic::error(format!("there is no kind `{name}`"))
        .at(recipe.sources.place(span))
        .label("unknown kind")
        .hint(hint)
}

fn names(section: Section, kinds: &[Entry]) -> String {
    let names: Vec<&str> =
        kinds.iter().filter(|entry| entry.section == section).map(|entry| entry.name).collect();
    names.join(", ")
}

/// Serde reports the first missing setting only; the schema knows them all.
fn add_all_missing(entry: &Entry, table: &Spanned<toml::de::DeTable<'_>>, mistakes: &mut Vec<Mistake>) {
    for name in schema_of(entry).required {
        let reported = mistakes.iter().any(|mistake| mistake.what == What::Missing(name.clone()));
        if !reported && !table.get_ref().contains_key(name.as_str()) {
            mistakes.push(Mistake { what: What::Missing(name), path: Vec::new(), span: None });
        }
    }
}

/// What the schema says about a missing setting.
fn description(entry: &Entry, what: &What) -> Option<String> {
    let What::Missing(name) = what else { return None };
    let about = schema_of(entry).descriptions.remove(name)?;
    let sentence = about.split_once(". ").map_or(about.as_str(), |(sentence, _)| sentence);
    Some(format!("`{name}`: {}", sentence.trim_end_matches('.')))
}

#[derive(Default)]
struct Described {
    required: Vec<String>,
    descriptions: BTreeMap<String, String>,
}

fn schema_of(entry: &Entry) -> Described {
    let mut generator = SchemaGenerator::default();
    let schema = entry.schema(&mut generator);
    let reference = schema.get("$ref").and_then(|reference| reference.as_str());
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    let definitions = generator.take_definitions(true);
    let object = match name {
        Some(name) => definitions.get(name),
        None => Some(schema.as_value()),
    };
    let Some(object) = object else { return Described::default() };
    let required = object.get("required").and_then(|required| required.as_array());
    let properties = object.get("properties").and_then(|properties| properties.as_object());
    let describe = |(name, schema): (&String, &serde_json::Value)| {
        // Docs are wrapped like their source; a hint is one line.
        let words: Vec<&str> = schema.get("description")?.as_str()?.split_whitespace().collect();
        Some((name.clone(), words.join(" ")))
    };
    Described {
        required: required.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        descriptions: properties.into_iter().flatten().filter_map(describe).collect(),
    }
}
