//! What readers of data sets do with cells.

use serde_json::Value;

use super::{Cells, Source};
use crate::failure::Failure;

/// The record as it is.
pub(super) fn verbatim(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    if source.cells.is_empty() {
        return Err(Failure::input("a record without cells"));
    }
    rows.push(source.cells.clone());
    Ok(())
}

/// The cell `name` as text; numbers as JSON writes them.
pub(super) fn text<'c>(cells: &'c Cells, name: &str) -> Result<std::borrow::Cow<'c, str>, Failure> {
    match cells.get(name) {
        Some(Value::String(text)) => Ok(text.as_str().into()),
        Some(Value::Number(number)) => Ok(number.to_string().into()),
        Some(Value::Null) | None => Err(missing(cells, name)),
        Some(_) => Err(Failure::input(format!("`{name}` is not a text"))),
    }
}

/// The cell `name` as text, when it is there and not null.
pub(super) fn optional(cells: &Cells, name: &str) -> Result<String, Failure> {
    match cells.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(_) => text(cells, name).map(std::borrow::Cow::into_owned),
    }
}

/// A record without the cell `name`.
pub(super) fn missing(cells: &Cells, name: &str) -> Failure {
    let known: Vec<&str> = cells.keys().map(String::as_str).take(20).collect();
    Failure::input(format!("there is no `{name}`")).hint(format!("columns: {}", known.join(", ")))
}

/// The position of an option letter; A is 0. Surrounding brackets, blanks and a full stop do not matter.
pub(super) fn letter(written: &str) -> Option<usize> {
    let bare = written.trim().trim_matches(['(', ')', '（', '）', '.']);
    let mut characters = bare.chars();
    let letter = characters.next()?.to_ascii_uppercase();
    let position = ('A'..='Z').position(|known| known == letter)?;
    characters.next().is_none().then_some(position)
}

/// A row of cells.
pub(super) fn row<const N: usize>(cells: [(&str, Value); N]) -> Cells {
    cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The position `answer` among `choices`, checked.
pub(super) fn within(answer: usize, choices: usize) -> Result<usize, Failure> {
    if answer < choices {
        return Ok(answer);
    }
    Err(Failure::input(format!("the answer is option {} of {choices}", answer + 1)))
}

/// A list in Python's writing (`['a', "b's"]`) or in JSON's.
///
/// Python's escapes of quotes, backslashes, line breaks, tabs and code points are read; anything but strings and
/// numbers in the list is refused.
pub(super) fn python_list(text: &str) -> Result<Vec<String>, Failure> {
    let broken = || {
        let shown: String = text.chars().take(60).collect();
        Failure::input(format!("not a list as Python writes it: `{shown}`"))
    };
    let mut inside = text
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(broken)?
        .chars()
        .peekable();
    let mut items = Vec::new();
    loop {
        while inside.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(first) = inside.next() else { return Ok(items) };
        let item = match first {
            '\'' | '"' => quoted(&mut inside, first).ok_or_else(broken)?,
            '0'..='9' | '-' | '.' => {
                let mut number = first.to_string();
                while let Some(digit) = inside.next_if(|c| c.is_ascii_alphanumeric() || ".+-".contains(*c)) {
                    number.push(digit);
                }
                number
            }
            _ => return Err(broken()),
        };
        items.push(item);
        while inside.next_if(|c| c.is_whitespace()).is_some() {}
        match inside.next() {
            Some(',') | None => {}
            Some(_) => return Err(broken()),
        }
    }
}

fn quoted(text: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> Option<String> {
    let mut item = String::new();
    loop {
        match text.next()? {
            '\\' => item.push(match text.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'x' => code_point(text, 2)?,
                'u' => code_point(text, 4)?,
                'U' => code_point(text, 8)?,
                plain @ ('\\' | '\'' | '"' | '/') => plain,
                _ => return None,
            }),
            end if end == quote => return Some(item),
            plain => item.push(plain),
        }
    }
}

fn code_point(text: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + text.next()?.to_digit(16)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_python_reads_them() {
        // Each right side is what `ast.literal_eval` of Python 3.12 gives.
        for (text, items) in [
            ("['a', 'b c']", vec!["a", "b c"]),
            ("[\"it's\", 'say \"hi\"']", vec!["it's", "say \"hi\""]),
            ("['it\\'s', 'a\\\\b', '\\u00e9\\x41\\n']", vec!["it's", "a\\b", "éA\n"]),
            ("[ ' A' ,' B', ]", vec![" A", " B"]),
            ("[1, -2.5, 'x, y']", vec!["1", "-2.5", "x, y"]),
            ("[]", vec![]),
        ] {
            assert_eq!(python_list(text).unwrap(), items, "{text}");
        }
        for wrong in ["", "a", "['a'", "['a]", "['a' 'b']", "[a]", "['\\q']", "[['a']]", "['\\ud800']"] {
            assert!(python_list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn letters_are_positions() {
        for (text, position) in [("A", 0), (" (d) ", 3), ("E.", 4), ("（B）", 1)] {
            assert_eq!(letter(text), Some(position));
        }
        for wrong in ["", "@", "AB", "1", "()"] {
            assert_eq!(letter(wrong), None, "{wrong}");
        }
    }
}
