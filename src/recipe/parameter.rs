//! `[params]`: values that settings use as `"${params.NAME}"`.
//!
//! A string that is nothing but one parameter takes the parameter's type; inside a longer string the parameter is
//! written out. `$${` stands for a literal `${`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{Sources, Substitutions, document, settings};
use crate::diagnostic::{Diagnostic, closest};

/// The parameters of a recipe, and what became of them.
pub(super) struct Parameters<'i> {
    values: BTreeMap<String, (Range<usize>, DeValue<'i>)>,
    used: BTreeSet<String>,
    substitutions: Substitutions,
}

/// A part of a string that uses parameters.
enum Piece {
    Literal(String),
    Parameter(String),
}

impl<'i> Parameters<'i> {
    /// Takes the section `[params]` out of the recipe.
    pub(super) fn take(sources: &'i Sources, root: &mut DeTable<'i>, problems: &mut Vec<Diagnostic>) -> Self {
        let mut values = BTreeMap::new();
        if let Some((key, section)) = root.remove_entry("params") {
            if let DeValue::Table(table) = section.into_inner() {
                for (name, value) in table {
                    check(sources, &name, &value, problems);
                    values.insert(name.get_ref().to_string(), (name.span(), value.into_inner()));
                }
            } else {
                let problem = Diagnostic::error("`params` must be a table");
                problems
                    .push(problem.at(sources.place(&key.span())).hint("write it as a section `[params]`"));
            }
        }
        Self { values, used: BTreeSet::new(), substitutions: Substitutions::new() }
    }

    /// Fills parameters into `value`, at any depth. What is filled in gets the span of the text it replaces.
    pub(super) fn substitute(
        &mut self,
        sources: &'i Sources,
        value: &mut Spanned<DeValue<'i>>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let span = value.span();
        match value.get_mut() {
            DeValue::Array(items) => {
                items.iter_mut().for_each(|item| self.substitute(sources, item, problems));
            }
            DeValue::Table(table) => {
                table.iter_mut().for_each(|(_, value)| self.substitute(sources, value, problems));
            }
            DeValue::String(text) if text.contains("${") => match self.fill(text, &span) {
                Ok(filled) => *value.get_mut() = filled,
                Err(problem) => {
                    self.substitutions.insert((span.start, span.end), None);
                    problems.push(problem.at(sources.place(&span)));
                }
            },
            _ => {}
        }
    }

    /// Warnings for parameters that nothing uses. What used an inherited one may have been dropped.
    pub(super) fn unused(&self, sources: &Sources) -> Vec<Diagnostic> {
        let unused = self.values.iter().filter(|(name, _)| !self.used.contains(*name));
        let unused = unused.filter(|(_, (span, _))| span.start >= sources.start());
        let warn = |(name, (span, _)): (&String, &(Range<usize>, DeValue<'_>))| {
            Diagnostic::warning(format!("parameter `{name}` is not used"))
                .at(sources.place(span))
                .hint(format!("a setting uses it as `\"${{params.{name}}}\"`"))
        };
        unused.map(warn).collect()
    }

    /// What was filled in, by the span it now has.
    pub(super) fn into_substitutions(self) -> Substitutions {
        self.substitutions
    }

    fn fill(&mut self, text: &str, span: &Range<usize>) -> Result<DeValue<'i>, Diagnostic> {
        let pieces = pieces(text)?;
        if let [Piece::Parameter(name)] = pieces.as_slice() {
            let value = self.value(name)?.clone();
            let shown = format!("`${{params.{name}}}` is {}", settings::describe(&value));
            self.substitutions.insert((span.start, span.end), Some(shown));
            return Ok(respan(value, span));
        }
        let mut filled = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => filled.push_str(&literal),
                Piece::Parameter(name) => match self.value(&name)? {
                    DeValue::String(text) => filled.push_str(text),
                    DeValue::Integer(number) => filled.push_str(&number.to_string()),
                    DeValue::Float(number) => filled.push_str(number.as_str()),
                    DeValue::Boolean(truth) => filled.push_str(if *truth { "true" } else { "false" }),
                    DeValue::Datetime(time) => filled.push_str(&time.to_string()),
                    other @ (DeValue::Array(_) | DeValue::Table(_)) => {
                        let found = settings::type_name(other);
                        let message = format!("parameter `{name}` is {found} and cannot be part of a string");
                        return Err(Diagnostic::error(message));
                    }
                },
            }
        }
        let shown = format!("parameters filled in: `{filled}`");
        self.substitutions.insert((span.start, span.end), Some(shown));
        Ok(DeValue::String(filled.into()))
    }

    fn value(&mut self, name: &str) -> Result<&DeValue<'i>, Diagnostic> {
        let Some((_, value)) = self.values.get(name) else {
            let hint = match closest(name, self.values.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `${{params.{near}}}`?"),
                None => format!("add `{name} = ...` to the section `[params]`"),
            };
            let problem = Diagnostic::error(format!("there is no parameter `{name}`"));
            return Err(problem.label("unknown parameter").hint(hint));
        };
        self.used.insert(name.to_owned());
        Ok(value)
    }
}

fn check(
    sources: &Sources,
    name: &Spanned<impl AsRef<str>>,
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Diagnostic>,
) {
    if !document::is_name(name.get_ref().as_ref()) {
        let problem = Diagnostic::error(format!("`{}` cannot be a name", name.get_ref().as_ref()));
        let hint = "names consist of letters `a-z`, `A-Z`, digits, `-` and `_`";
        problems.push(problem.at(sources.place(&name.span())).hint(hint));
    }
    if let DeValue::String(text) = value.get_ref()
        && text.contains("${")
    {
        let problem = Diagnostic::error("a parameter cannot use other parameters");
        problems.push(problem.at(sources.place(&value.span())).hint("write its value out"));
    }
}

/// Splits a string at `${params.NAME}`.
fn pieces(text: &str) -> Result<Vec<Piece>, Diagnostic> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = after;
            continue;
        }
        literal.push_str(before);
        let (inside, behind) = after.split_once('}').ok_or_else(|| {
            let hint = "a literal `${` is written `$${`";
            Diagnostic::error("`${` without a closing `}`").hint(hint)
        })?;
        let name = inside.trim().strip_prefix("params.").ok_or_else(|| {
            let hint = "only parameters can be used: `${params.NAME}`; a literal `${` is written `$${`";
            Diagnostic::error(format!("`${{{inside}}}` is no parameter")).hint(hint)
        })?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Parameter(name.to_owned()));
        rest = behind;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// The value with `span` at every depth.
fn respan<'i>(value: DeValue<'i>, span: &Range<usize>) -> DeValue<'i> {
    let whole = |value: Spanned<DeValue<'i>>| Spanned::new(span.clone(), respan(value.into_inner(), span));
    match value {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(whole).collect::<DeArray<'_>>()),
        DeValue::Table(table) => {
            let entry =
                |(key, value): (Spanned<_>, _)| (Spanned::new(span.clone(), key.into_inner()), whole(value));
            DeValue::Table(table.into_iter().map(entry).collect())
        }
        scalar => scalar,
    }
}
