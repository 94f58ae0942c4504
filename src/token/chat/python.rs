//! What Python's values can do and Jinja templates count on, beyond what minijinja and its `pycompat` know.

use minijinja::{
    Error, ErrorKind, State,
    value::{Kwargs, Value, ValueKind, from_args},
};
use minijinja_contrib::pycompat;

/// Methods of strings, dictionaries and lists that minijinja does not have itself.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match value.as_str().map(|text| string_method(text, name, args)) {
        Some(Some(result)) => result,
        _ => pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// `None` for methods that are left to `pycompat`.
fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    Some(match name {
        "strip" | "lstrip" | "rstrip" => from_args::<(Option<&str>,)>(args).map(|(chars,)| {
            let sides = [name != "rstrip", name != "lstrip"];
            Value::from(strip(text, chars, sides))
        }),
        "removeprefix" => {
            from_args::<(&str,)>(args).map(|(prefix,)| Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            from_args::<(&str,)>(args).map(|(suffix,)| Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => from_args::<(&str,)>(args).and_then(|(separator,)| {
            check_separator(separator)?;
            let (before, after) = text.split_once(separator).unwrap_or((text, ""));
            let found = if before.len() < text.len() { separator } else { "" };
            Ok(Value::from_iter([before, found, after]))
        }),
        "rpartition" => from_args::<(&str,)>(args).and_then(|(separator,)| {
            check_separator(separator)?;
            let (before, after) = text.rsplit_once(separator).unwrap_or(("", text));
            let found = if after.len() < text.len() { separator } else { "" };
            Ok(Value::from_iter([before, found, after]))
        }),
        "rsplit" => splitting(args).and_then(|(separator, most)| rsplit(text, separator.as_deref(), most)),
        "split" => splitting(args).and_then(|(separator, most)| split(text, separator.as_deref(), most)),
        _ => return None,
    })
}

fn check_separator(separator: &str) -> Result<(), Error> {
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    Ok(())
}

/// The arguments `sep=None, maxsplit=-1`, by position or by name.
fn splitting(args: &[Value]) -> Result<(Option<String>, Option<i64>), Error> {
    let (separator, most, named) = from_args::<(Option<String>, Option<i64>, Kwargs)>(args)?;
    let separator = separator.map_or_else(|| named.get("sep"), |given| Ok(Some(given)))?;
    let most = most.map_or_else(|| named.get("maxsplit"), |given| Ok(Some(given)))?;
    named.assert_all_used()?;
    Ok((separator, most))
}

/// How many pieces `maxsplit` admits.
fn pieces(most: Option<i64>) -> usize {
    most.and_then(|most| usize::try_from(most).ok()).map_or(usize::MAX, |most| most.saturating_add(1))
}

fn split(text: &str, separator: Option<&str>, most: Option<i64>) -> Result<Value, Error> {
    if let Some(separator) = separator {
        check_separator(separator)?;
        return Ok(text.splitn(pieces(most), separator).map(Value::from).collect());
    }
    let mut found: Vec<&str> = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = if found.len() + 1 < pieces(most) { rest.find(is_space) } else { None };
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(piece);
        rest = after.trim_start_matches(is_space);
    }
    Ok(found.into_iter().map(Value::from).collect())
}

fn rsplit(text: &str, separator: Option<&str>, most: Option<i64>) -> Result<Value, Error> {
    let mut found: Vec<&str> = Vec::new();
    if let Some(separator) = separator {
        check_separator(separator)?;
        found.extend(text.rsplitn(pieces(most), separator));
    } else {
        let mut rest = text.trim_end_matches(is_space);
        while !rest.is_empty() {
            let space = if found.len() + 1 < pieces(most) {
                rest.char_indices().rfind(|(_, c)| is_space(*c))
            } else {
                None
            };
            let start = space.map_or(0, |(at, space)| at + space.len_utf8());
            let (before, piece) = rest.split_at(start);
            found.push(piece);
            rest = before.trim_end_matches(is_space);
        }
    }
    found.reverse();
    Ok(found.into_iter().map(Value::from).collect())
}

/// What Python's `str.isspace` calls a space: Unicode's white space and the four information separators.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// Strips spaces, or the given characters, from the beginning, the end, or both.
fn strip<'t>(text: &'t str, chars: Option<&str>, [start, end]: [bool; 2]) -> &'t str {
    let strips =
        |character: char| chars.map_or_else(|| is_space(character), |chars| chars.contains(character));
    let text = if start { text.trim_start_matches(strips) } else { text };
    if end { text.trim_end_matches(strips) } else { text }
}

/// The filter `trim`.
pub(super) fn trim(value: &Value, chars: Option<&str>) -> String {
    match value.as_str() {
        Some(text) => strip(text, chars, [true, true]).to_owned(),
        None => strip(&value.to_string(), chars, [true, true]).to_owned(),
    }
}

/// The test `sequence`: in Python, strings and dictionaries have a length and items too.
pub(super) fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
}

/// The test `iterable`.
pub(super) fn is_iterable(value: &Value) -> bool {
    is_sequence(value) || matches!(value.kind(), ValueKind::Iterable | ValueKind::Undefined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(value: Result<Value, Error>) -> Vec<String> {
        value.unwrap().try_iter().unwrap().map(|item| item.to_string()).collect()
    }

    /// The right-hand sides are Python's.
    #[test]
    fn strings_are_split_as_python_splits_them() {
        assert_eq!(list(split(" a  b c ", None, None)), ["a", "b", "c"]);
        assert_eq!(list(split(" a  b c ", None, Some(1))), ["a", "b c "]);
        assert_eq!(list(split(" a b", None, Some(0))), ["a b"]);
        assert_eq!(list(split("a,,b", Some(","), None)), ["a", "", "b"]);
        assert_eq!(list(split("a,b,c", Some(","), Some(1))), ["a", "b,c"]);
        assert_eq!(list(split("", None, None)), [""; 0]);
        assert_eq!(list(split("", Some(","), None)), [""]);
        assert_eq!(list(rsplit("a,b,c", Some(","), Some(1))), ["a,b", "c"]);
        assert_eq!(list(rsplit(" a  b c ", None, Some(1))), [" a  b", "c"]);
        assert_eq!(list(rsplit(" a  b c ", None, Some(-1))), ["a", "b", "c"]);
        assert!(split("a", Some(""), None).is_err());
    }

    #[test]
    fn strings_are_stripped_as_python_strips_them() {
        assert_eq!(strip("\u{1c}\u{a0} x \n", None, [true, true]), "x");
        assert_eq!(strip("\n\nx\n", Some("\n"), [true, false]), "x\n");
        assert_eq!(strip("xyaxy", Some("xy"), [false, true]), "xya");
        let whole = |name: &str, argument: &str| {
            list(string_method("a</t>b</t>c", name, &[Value::from(argument)]).unwrap())
        };
        assert_eq!(whole("partition", "</t>"), ["a", "</t>", "b</t>c"]);
        assert_eq!(whole("rpartition", "</t>"), ["a</t>b", "</t>", "c"]);
        assert_eq!(whole("partition", "-"), ["a</t>b</t>c", "", ""]);
        assert_eq!(whole("rpartition", "-"), ["", "", "a</t>b</t>c"]);
    }
}
