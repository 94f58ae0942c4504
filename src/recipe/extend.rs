//! `extends`: a recipe that is another recipe with changes.
//!
//! ```toml
//! [recipe]
//! name = "calm-english-only"
//! extends = "medqa-llama-3-8b.toml"    # beside this file
//! drop = ["stage.sft", "params.rate"]  # of what it inherits
//!
//! [stage.vote]
//! languages = ["en"]                   # everything else stays
//! ```
//!
//! # Decisions
//! - Tables are merged entry by entry, at any depth; everything else, lists included, is replaced. A node that names
//!   another `kind` replaces the inherited node as a whole: settings of two kinds have nothing to do with each other.
//! - `[recipe]` is not inherited: a recipe has a name of its own.
//! - Inherited nodes keep their place in the order, new ones come behind them.
//! - Relative paths start at the folder of the file that they are written in.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Section, Sources, overrides::shift};
use crate::diagnostic::{Diagnostic, Place, Source, closest};

/// More ancestors than anybody writes.
const MOST_ANCESTORS: usize = 16;

/// Reads the recipes that `recipe` extends, the farthest ancestor first. A text that is no TOML has none: what is wrong
/// with it is for [`super::parse`] to say.
pub(super) fn ancestors(recipe: &Arc<Source>) -> Result<Vec<Arc<Source>>, Diagnostic> {
    let mut found: Vec<Arc<Source>> = Vec::new();
    let mut seen = vec![identity(&recipe.path)];
    let mut current = Arc::clone(recipe);
    while let Some((path, place)) = extended(&current) {
        let source = Sources::read_file(&path).map_err(|mut problem| {
            problem.place = problem.place.or_else(|| Some(place.clone()));
            problem
        })?;
        let identity = identity(&path);
        if seen.contains(&identity) || found.len() == MOST_ANCESTORS {
            let problem = Diagnostic::error(format!("`{}` extends itself", path.display())).at(place);
            return Err(problem.hint("a recipe cannot be among the recipes it is made from"));
        }
        seen.push(identity);
        current = Arc::new(source);
        found.insert(0, Arc::clone(&current));
    }
    Ok(found)
}

fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The path of the recipe that `source` extends, and where it says so.
fn extended(source: &Arc<Source>) -> Option<(PathBuf, Place)> {
    let (root, _) = DeTable::parse_recoverable(&source.text);
    let DeValue::Table(header) = root.get_ref().get("recipe")?.get_ref() else { return None };
    let value = header.get("extends")?;
    let DeValue::String(path) = value.get_ref() else { return None };
    let folder = source.path.parent().unwrap_or(Path::new(""));
    Some((folder.join(path.as_ref()), Place { source: Arc::clone(source), span: value.span() }))
}

/// What a table holds.
#[derive(Clone, Copy)]
enum Level {
    /// Sections.
    Recipe,
    /// The nodes of a section.
    Nodes(Section),
    /// Settings or parameters.
    Inside,
}

impl Level {
    /// What the table `name` of a table of this level holds.
    fn below(self, name: &str) -> Self {
        let section = Section::ALL.into_iter().find(|section| section.name() == name);
        match (self, section) {
            (Self::Recipe, Some(section)) => Self::Nodes(section),
            _ => Self::Inside,
        }
    }

    /// Whether `new` is a change of the table `old`; if not, it is something else under its name.
    fn merges(self, old: &DeTable<'_>, new: &DeValue<'_>) -> bool {
        match (self, new) {
            (Self::Nodes(section), DeValue::Table(new)) => {
                kind(new).is_none_or(|now| Some(now) == kind(old).or(section.default_kind()))
            }
            (_, new) => new.is_table(),
        }
    }
}

/// Lays `changes` over what was inherited.
pub(super) fn merge<'i>(inherited: &mut DeTable<'i>, changes: DeTable<'i>) {
    merge_at(Level::Recipe, inherited, changes);
}

fn merge_at<'i>(level: Level, inherited: &mut DeTable<'i>, changes: DeTable<'i>) {
    for (name, value) in changes {
        let text: &str = name.get_ref();
        match (inherited.get_mut(text).map(Spanned::get_mut), value) {
            (Some(DeValue::Table(old)), value) if level.merges(old, value.get_ref()) => {
                let DeValue::Table(new) = value.into_inner() else { continue };
                merge_at(level.below(text), old, new);
            }
            (_, value) => {
                // The old key would stay, and messages would point at it.
                inherited.remove(text);
                inherited.insert(name, value);
            }
        }
    }
}

fn kind<'t>(node: &'t DeTable<'_>) -> Option<&'t str> {
    match node.get("kind")?.get_ref() {
        DeValue::String(kind) => Some(kind),
        _ => None,
    }
}

/// Takes what a recipe drops out of what it inherits.
pub(super) fn drop_inherited(
    sources: &Sources,
    dropped: &[Spanned<String>],
    inherited: &mut DeTable<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    for path in dropped {
        let keys: Vec<&str> = path.get_ref().split('.').map(str::trim).collect();
        if let Err(problem) = take_out(inherited, &keys, path.get_ref()) {
            problems.push(problem.at(sources.place(&path.span())));
        }
    }
}

fn take_out(table: &mut DeTable<'_>, keys: &[&str], path: &str) -> Result<(), Diagnostic> {
    let Some((first, rest)) = keys.split_first() else { return Ok(()) };
    let known: Vec<String> = table.keys().map(|key| key.get_ref().to_string()).collect();
    let nothing = || {
        let known = known.iter().map(String::as_str);
        let hint = match closest(first, known.clone()) {
            Some(near) => format!("did you mean `{}`?", path.replacen(first, near, 1)),
            None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
        };
        Diagnostic::error(format!("nothing called `{path}` is inherited"))
            .label("cannot be dropped")
            .hint(hint)
    };
    if rest.is_empty() {
        return table.remove(*first).map(|_| ()).ok_or_else(nothing);
    }
    match table.get_mut(*first).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => take_out(inner, rest, path),
        _ => Err(nothing()),
    }
}

/// A parsed text at its place among the [`Sources`].
pub(super) fn shifted(root: Spanned<DeTable<'_>>, base: usize) -> DeTable<'_> {
    let span = root.span();
    match shift(Spanned::new(span, DeValue::Table(root.into_inner())), base).into_inner() {
        DeValue::Table(table) => table,
        _ => DeTable::new(),
    }
}
