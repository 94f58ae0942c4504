//! The first pass: a TOML text becomes sections and named nodes.

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

use serde::Deserialize;
use toml::{
    Deserializer, Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{Node, Recipe, Section, Sources, extend, overrides, parameter::Parameters, settings};
use crate::diagnostic::{Diagnostic, closest};

/// The sections of a recipe.
pub(super) const SECTIONS: [&str; 5] = ["recipe", "params", "data", "model", "stage"];

/// The section `[recipe]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    #[serde(default)]
    description: String,
    /// [`Sources::read`] has read it.
    #[serde(default)]
    extends: Option<PathBuf>,
    /// What of the recipe it extends is left out.
    #[serde(default)]
    drop: Vec<Spanned<String>>,
}

/// Reads a recipe and applies the overrides.
///
/// Text that is not TOML is fatal: all its syntax errors are returned. Everything else that is wrong is collected in
/// [`Recipe::problems`].
pub fn parse(sources: &Sources) -> Result<Recipe<'_>, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut root = files(sources, &mut problems)?;
    overrides::apply(sources, &mut root, &mut problems);
    let mut parameters = Parameters::take(sources, &mut root, &mut problems);
    for value in root.iter_mut().map(|(_, value)| value) {
        parameters.substitute(sources, value, &mut problems);
    }
    problems.extend(parameters.unused(sources));
    let header = header(sources, sources.start(), &mut root, &mut problems);
    let mut nodes = Vec::new();
    for section in Section::ALL {
        take_nodes(sources, section, &mut root, &mut nodes, &mut problems);
    }
    for (key, _) in &root {
        problems.push(unknown_section(sources, key));
    }
    nodes.sort_by_key(|node: &Node<'_>| node.name.span().start);
    reject_duplicates(sources, &mut nodes, &mut problems);
    let Header { name, description, .. } = header;
    let substitutions = parameters.into_substitutions();
    Ok(Recipe { name, description, nodes, problems, sources, substitutions })
}

/// The files as one table. Of `[recipe]` only that of the recipe's own file is left.
fn files<'i>(sources: &'i Sources, problems: &mut Vec<Diagnostic>) -> Result<DeTable<'i>, Vec<Diagnostic>> {
    let mut inherited = DeTable::new();
    for (base, source) in sources.files() {
        let (root, errors) = DeTable::parse_recoverable(&source.text);
        if !errors.is_empty() {
            return Err(syntax_errors(sources, base, &errors));
        }
        let root = extend::shifted(root, base);
        let mut below = root.clone();
        let mut found = Vec::new();
        let Header { extends, drop, .. } = header(sources, base, &mut below, &mut found);
        if let (0, Some(parent)) = (base, &extends) {
            let parent = parent.display();
            let problem = format!("`{parent}` was not read: only a recipe in a file can extend another");
            problems.push(Diagnostic::error(problem));
        }
        extend::drop_inherited(sources, &drop, &mut inherited, problems);
        // Overrides may still change the header of the recipe's own file.
        let is_own = base == sources.start();
        extend::merge(&mut inherited, if is_own { root } else { below });
        problems.extend(found.into_iter().filter(|_| !is_own));
    }
    Ok(inherited)
}

/// One diagnostic per line: what follows the first mistake in a line is mostly its echo.
fn syntax_errors(sources: &Sources, base: usize, errors: &[toml::de::Error]) -> Vec<Diagnostic> {
    let mut by_line = BTreeMap::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let place = sources.place(&(base + span.start..base + span.end));
        let diagnostic = Diagnostic::error(format!("not TOML: {}", error.message().replace('\n', ", ")));
        by_line.entry(place.start().0).or_insert_with(|| diagnostic.at(place));
    }
    by_line.into_values().collect()
}

fn header<'i>(
    sources: &'i Sources,
    base: usize,
    root: &mut DeTable<'i>,
    problems: &mut Vec<Diagnostic>,
) -> Header {
    let empty = Header::default();
    let Some((key, value)) = root.remove_entry("recipe") else {
        let missing = Diagnostic::error("a recipe begins with a section `[recipe]`");
        problems.push(
            missing.at(sources.place(&(base..base))).hint("add `[recipe]` and `name = \"my-experiment\"`"),
        );
        return empty;
    };
    let Some(table) = table_of(&value) else {
        problems.push(not_a_table(sources, &key, &value, "[recipe]"));
        return empty;
    };
    let (header, mistakes) = settings::read(&table, |table| Header::deserialize(Deserializer::from(table)));
    problems.extend(mistakes.iter().map(|mistake| mistake.diagnostic("`[recipe]`", &key.span(), sources)));
    let header = header.unwrap_or(empty);
    if !is_name(&header.name) && mistakes.is_empty() {
        let span = table.get_ref().get("name").map_or(key.span(), Spanned::span);
        problems.push(not_a_name(&header.name, sources, &span));
    }
    header
}

fn take_nodes<'i>(
    sources: &'i Sources,
    section: Section,
    root: &mut DeTable<'i>,
    nodes: &mut Vec<Node<'i>>,
    problems: &mut Vec<Diagnostic>,
) {
    let Some((key, value)) = root.remove_entry(section.name()) else { return };
    let shape = format!("[{}.NAME]", section.name());
    let DeValue::Table(table) = value.get_ref() else {
        problems.push(not_a_table(sources, &key, &value, &shape));
        return;
    };
    for (name, value) in table {
        let Some(settings) = table_of(value) else {
            problems.push(not_a_table(sources, name, value, &shape));
            continue;
        };
        let text: &str = name.get_ref();
        if !is_name(text) {
            problems.push(not_a_name(text, sources, &name.span()));
        }
        nodes.push(Node { section, name: Spanned::new(name.span(), text.to_owned()), settings });
    }
}

/// References name a node without its section, so a name is good for one node only.
fn reject_duplicates(sources: &Sources, nodes: &mut Vec<Node<'_>>, problems: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, (Section, Range<usize>)> = BTreeMap::new();
    nodes.retain(|node| {
        let name = node.name.get_ref();
        let Some((section, span)) = seen.get(name) else {
            seen.insert(name.clone(), (node.section, node.name.span()));
            return true;
        };
        let line = sources.place(span).start().0;
        let diagnostic = Diagnostic::error(format!("the name `{name}` is used twice"))
            .at(sources.place(&node.name.span()))
            .label(format!("already names `[{}.{name}]` in line {line}", section.name()))
            .hint("references say only the name, so names are unique across `data`, `model` and `stage`");
        problems.push(diagnostic);
        false
    });
}

/// The table that `value` holds, with its span.
pub(super) fn table_of<'i>(value: &Spanned<DeValue<'i>>) -> Option<Spanned<DeTable<'i>>> {
    let DeValue::Table(table) = value.get_ref() else { return None };
    Some(Spanned::new(value.span(), table.clone()))
}

fn not_a_table(
    sources: &Sources,
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    shape: &str,
) -> Diagnostic {
    let found = settings::type_name(value.get_ref());
    Diagnostic::error(format!("`{}` must be a table, but it is {found}", key.get_ref()))
        .at(sources.place(&key.span()))
        .hint(format!("write it as a section `{shape}`"))
}

fn unknown_section(sources: &Sources, key: &Spanned<DeString<'_>>) -> Diagnostic {
    let name: &str = key.get_ref();
    let listed =
        "sections of a recipe: `[recipe]`, `[params]`, `[data.NAME]`, `[model.NAME]`, `[stage.NAME]`";
    let hint = match closest(name, SECTIONS) {
        Some(near) => format!("did you mean `{near}`? {listed}"),
        None => listed.to_owned(),
    };
    Diagnostic::error(format!("a recipe has no section `{name}`"))
        .at(sources.place(&key.span()))
        .label("unknown section")
        .hint(hint)
}

/// Whether `text` may name a recipe or a node: it becomes part of references, file names and reports.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn not_a_name(name: &str, sources: &Sources, span: &Range<usize>) -> Diagnostic {
    Diagnostic::error(format!("`{name}` cannot be a name"))
        .at(sources.place(span))
        .hint("names consist of letters `a-z`, `A-Z`, digits, `-` and `_`")
}
