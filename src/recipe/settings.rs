//! Deserializes a table of settings and finds *all* mistakes in it, where serde stops at the first.
//!
//! The trick: an error names a place in the text. The entry at that place is taken out of the table and reading starts
//! again, until it succeeds or fails at something that cannot be taken out. What is missing only because it was taken
//! out is not reported again.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

use super::Sources;
use crate::diagnostic::{Diagnostic, closest};

/// Something wrong with a table of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What it is.
    pub what: What,
    /// The keys that lead to the entry it is about; empty for the table itself.
    pub path: Vec<String>,
    /// Where it is; `None` means at the table itself.
    pub span: Option<Range<usize>>,
}

/// What can be wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A key that the table does not know.
    Unknown {
        /// The key.
        name: String,
        /// The keys it knows.
        accepted: Vec<String>,
    },
    /// A key that must be there, by name.
    Missing(String),
    /// A word that is not one of the admitted words.
    Word {
        /// The word.
        found: String,
        /// The admitted words.
        accepted: Vec<String>,
    },
    /// A value of another type or out of range, described.
    Value(String),
}

/// Reads `table` by `parse`. Returns the value, if there is one once faulty entries are left out, and every mistake.
pub fn read<'i, T>(
    table: &Spanned<DeTable<'i>>,
    parse: impl Fn(Spanned<DeTable<'i>>) -> Result<T, Error>,
) -> (Option<T>, Vec<Mistake>) {
    let mut table = table.clone();
    let mut mistakes: Vec<Mistake> = Vec::new();
    let mut taken_out: Vec<Vec<String>> = Vec::new();
    loop {
        let error = match parse(table.clone()) {
            Ok(value) => return (Some(value), mistakes),
            Err(error) => error,
        };
        let mistake = Mistake::of(&error, &table);
        let path = mistake.path.clone();
        if !mistake.is_echo(&taken_out) {
            mistakes.push(mistake);
        }
        if !remove(table.get_mut(), &path) {
            return (None, mistakes);
        }
        taken_out.push(path);
    }
}

impl Mistake {
    fn of(error: &Error, table: &Spanned<DeTable<'_>>) -> Self {
        let span = error.span().filter(|span| *span != table.span());
        let path = span.as_ref().map(|span| locate(table.get_ref(), span)).unwrap_or_default();
        let what = What::of(error.message());
        if let What::Unknown { name, .. } = &what
            && let Some((key, _)) = table.get_ref().get_key_value(name.as_str())
            && path.is_empty()
        {
            // Serde forgets the place inside tagged enums, but it names the key.
            return Self { path: vec![name.clone()], span: Some(key.span()), what };
        }
        let span = span.filter(|_| !path.is_empty());
        let item = span.as_ref().and_then(|span| faulty_item(table.get_ref(), span, error.message()));
        Self { what, span: item.or(span), path }
    }

    /// Whether something is missing only because it was taken out.
    fn is_echo(&self, taken_out: &[Vec<String>]) -> bool {
        let What::Missing(name) = &self.what else { return false };
        let is_it = |path: &Vec<String>| {
            path.split_last().is_some_and(|(key, parents)| key == name && parents == self.path)
        };
        taken_out.iter().any(is_it)
    }

    /// The mistake in words. `subject` names the table (``stage `dpo` ``), `header` is where it begins.
    pub fn diagnostic(&self, subject: &str, header: &Range<usize>, sources: &Sources) -> Diagnostic {
        let span = self.span.as_ref().unwrap_or(header);
        let setting = self.path.join(".");
        let problem = match &self.what {
            What::Unknown { name, accepted } => {
                let owner = match self.path.split_last() {
                    Some((_, parents)) if !parents.is_empty() => {
                        format!("`{}` of {subject}", parents.join("."))
                    }
                    _ => subject.to_owned(),
                };
                let listed = format!("settings: {}", accepted.join(", "));
                Diagnostic::error(format!("{owner} has no setting `{name}`"))
                    .label("unknown setting")
                    .hint(suggestion(name, accepted, &listed))
            }
            What::Missing(name) if self.path.is_empty() => {
                Diagnostic::error(format!("{subject} needs the setting `{name}`"))
                    .label(format!("`{name}` is missing"))
            }
            What::Missing(name) => Diagnostic::error(format!("`{setting}` of {subject} needs `{name}`"))
                .label(format!("`{name}` is missing")),
            What::Word { found, accepted } => {
                let listed = format!("one of: {}", accepted.join(", "));
                Diagnostic::error(format!("`{setting}` of {subject} cannot be `{found}`"))
                    .hint(suggestion(found, accepted, &listed))
            }
            What::Value(message) if self.path.is_empty() => {
                Diagnostic::error(format!("{subject}: {message}"))
            }
            What::Value(message) => Diagnostic::error(format!("`{setting}` of {subject}: {message}")),
        };
        problem.at(sources.place(span))
    }
}

fn suggestion(word: &str, accepted: &[String], listed: &str) -> String {
    match closest(word, accepted.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? {listed}"),
        None => listed.to_owned(),
    }
}

impl What {
    /// Understands the messages of serde. Those it does not know are passed on as they are.
    fn of(message: &str) -> Self {
        if let Some(rest) = message.strip_prefix("unknown field ") {
            let (name, accepted) = word_and_list(rest);
            return Self::Unknown { name, accepted };
        }
        if message.starts_with("unknown ") && message.contains(", expected ") {
            let (found, accepted) = word_and_list(message);
            return Self::Word { found, accepted };
        }
        if let Some(rest) = message.strip_prefix("missing field ") {
            return Self::Missing(rest.trim_matches('`').to_owned());
        }
        for prefix in ["invalid type: ", "invalid value: "] {
            let parts = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "));
            if let Some((found, expected)) = parts {
                return Self::Value(format!(
                    "expected {}, found {}",
                    in_words(expected),
                    found_in_words(found)
                ));
            }
        }
        Self::Value(message.to_owned())
    }
}

/// Reads "`x`, expected one of `a`, `b`".
fn word_and_list(text: &str) -> (String, Vec<String>) {
    let mut quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
    (quoted.next().unwrap_or_default(), quoted.collect())
}

/// What serde expects, in the words of a recipe.
fn in_words(expected: &str) -> &str {
    match expected {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number from 1 on"
        }
        "a sequence" => "an array",
        "a map" => "a table",
        "path string" => "a path",
        _ if expected.starts_with("struct ") || expected.starts_with("tuple struct ") => "a table",
        _ => expected,
    }
}

/// What serde found, in the words of a recipe.
fn found_in_words(found: &str) -> String {
    match found.split_once(' ') {
        Some(("integer", number)) => number.to_owned(),
        Some(("floating", rest)) => rest.trim_start_matches("point ").to_owned(),
        Some(("boolean", truth)) => truth.to_owned(),
        Some(("string", text)) => format!("the string {text}"),
        _ if found == "map" => "a table".to_owned(),
        _ if found == "sequence" => "an array".to_owned(),
        _ => found.to_owned(),
    }
}

/// The path of the entry whose key or value stands at `span` or around it.
fn locate(table: &DeTable<'_>, span: &Range<usize>) -> Vec<String> {
    let exact = |at: Range<usize>| at == *span;
    let around = |at: Range<usize>| at.start <= span.start && span.end <= at.end;
    let mut path = Vec::new();
    if !(descend(table, &exact, &mut path) || descend(table, &around, &mut path)) {
        path.clear();
    }
    path
}

/// Finds an entry whose key or value `fits`; for values inside arrays, the entry that holds the array.
fn descend(table: &DeTable<'_>, fits: &dyn Fn(Range<usize>) -> bool, path: &mut Vec<String>) -> bool {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        let inside = match value.get_ref() {
            DeValue::Table(inner) => fits(key.span()) || descend(inner, fits, path) || fits(value.span()),
            DeValue::Array(items) => {
                fits(key.span()) || fits(value.span()) || items.iter().any(|item| in_item(item, fits))
            }
            _ => fits(key.span()) || fits(value.span()),
        };
        if inside {
            return true;
        }
        path.pop();
    }
    false
}

/// The item that a message about a whole array quotes: serde forgets which item a hand-written check refused.
fn faulty_item(table: &DeTable<'_>, array: &Range<usize>, message: &str) -> Option<Range<usize>> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    for value in table.iter().map(|(_, value)| value) {
        let found = match value.get_ref() {
            DeValue::Table(inner) => faulty_item(inner, array, message),
            DeValue::Array(items) if value.span() == *array => items
                .iter()
                .find(|item| item.get_ref().as_str().is_some_and(|text| quoted.contains(&text)))
                .map(Spanned::span),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn in_item(item: &Spanned<DeValue<'_>>, fits: &dyn Fn(Range<usize>) -> bool) -> bool {
    fits(item.span())
        || match item.get_ref() {
            DeValue::Array(items) => items.iter().any(|item| in_item(item, fits)),
            DeValue::Table(table) => {
                table.iter().any(|(key, value)| fits(key.span()) || in_item(value, fits))
            }
            _ => false,
        }
}

fn remove(table: &mut DeTable<'_>, path: &[String]) -> bool {
    match path {
        [] => false,
        [key] => table.remove(key.as_str()).is_some(),
        [key, rest @ ..] => match table.get_mut(key.as_str()).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) => remove(inner, rest),
            _ => false,
        },
    }
}

/// Where the entry at the dotted `path` has its value; `None` if the text has no such entry. Numbers count array items.
pub fn value_span(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let mut keys = path.split(['.', '[']).map(|key| key.trim_end_matches(']'));
    let mut value = table.get(keys.next()?)?;
    for key in keys {
        value = match value.get_ref() {
            DeValue::Table(inner) => inner.get(key)?,
            DeValue::Array(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value.span())
}

/// The type of a value, with its article.
pub fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A value in one line: itself if it is short, else its type.
pub fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() <= 60 => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("`{number}`"),
        DeValue::Float(number) => format!("`{}`", number.as_str()),
        DeValue::Boolean(truth) => format!("`{truth}`"),
        DeValue::Datetime(time) => format!("`{time}`"),
        other => type_name(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, tag = "shape", rename_all = "lowercase")]
    enum Tagged {
        Circle { radius: f64 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        name: String,
        inner: Inner,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u32,
        list: Vec<u8>,
    }

    fn mistakes<T: serde::de::DeserializeOwned>(text: &str) -> (Option<T>, Vec<(String, Option<String>)>) {
        let table = DeTable::parse(text).unwrap();
        let (value, mistakes) = read(&table, |table| T::deserialize(toml::Deserializer::from(table)));
        let shown = |mistake: Mistake| {
            let place = mistake.span.map(|span| text.get(span).unwrap().to_owned());
            (mistake.path.join("."), place)
        };
        (value, mistakes.into_iter().map(shown).collect())
    }

    fn at(path: &str, place: &str) -> (String, Option<String>) {
        (path.to_owned(), Some(place.to_owned()))
    }

    #[test]
    fn what_is_right_is_read() {
        let (value, found) = mistakes::<Nested>("name = 'x'\ninner = { count = 1, list = [2] }");
        let inner = Inner { count: 1, list: vec![2] };
        assert_eq!(value, Some(Nested { name: "x".to_owned(), inner }));
        assert_eq!(found, []);
    }

    #[test]
    fn every_faulty_entry_is_found_at_its_place() {
        let text = "name = 3\nnmae = 'x'\n[inner]\ncount = -4\nlist = [1, 999]\nmore = 1\n";
        let (value, mut found) = mistakes::<Nested>(text);
        found.sort();
        assert_eq!(value, None);
        let expected = [
            at("inner.count", "-4"),
            at("inner.list", "999"),
            at("inner.more", "more"),
            at("name", "3"),
            at("nmae", "nmae"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn unknown_entries_alone_do_not_hide_the_value() {
        let (value, found) = mistakes::<Nested>("name = 'x'\nz = 1\n[inner]\ncount = 1\nlist = []\nz = 2\n");
        assert!(value.is_some());
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn an_unknown_key_of_a_tagged_enum_is_found_by_its_name() {
        let (value, found) = mistakes::<Tagged>("shape = 'circle'\nradius = 1.0\ncolour = 'red'\n");
        assert_eq!(value, Some(Tagged::Circle { radius: 1.0 }));
        assert_eq!(found, [at("colour", "colour")]);
    }
}
