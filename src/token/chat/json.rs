//! Writes values as Python's `json.dumps` does: what `tojson` means in chat templates.

use minijinja::{
    Error, ErrorKind,
    value::{Kwargs, Value, ValueKind},
};

/// How `json.dumps` is asked to write.
struct Style {
    ensure_ascii: bool,
    sort_keys: bool,
    /// What one level of nesting is indented by; `None` writes one line.
    indent: Option<String>,
    /// Between items.
    comma: String,
    /// Between key and value.
    colon: String,
}

/// Nesting deeper than this is refused; Python stops at its recursion limit.
const DEEPEST: usize = 200;

/// The filter `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, as transformers defines it: unlike
/// Jinja's own it escapes nothing for HTML.
#[expect(clippy::needless_pass_by_value, reason = "functions of templates take their arguments so")]
pub(super) fn tojson(value: &Value, indent: Option<Value>, options: Kwargs) -> Result<String, Error> {
    let indent = match indent {
        None => options.get::<Option<Value>>("indent")?,
        given => given,
    };
    let indent = indent.filter(|indent| !indent.is_none()).map(|indent| indentation(&indent)).transpose()?;
    let mut style = Style {
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        comma: if indent.is_some() { "," } else { ", " }.to_owned(),
        indent,
        colon: ": ".to_owned(),
    };
    if let Some(separators) = options.get::<Option<Value>>("separators")?.filter(|value| !value.is_none()) {
        let pair: Vec<Value> = separators.try_iter()?.collect();
        let [comma, colon] = &pair[..] else { return Err(invalid("`separators` must be two strings")) };
        (style.comma, style.colon) = (comma.to_string(), colon.to_string());
    }
    options.assert_all_used()?;
    let mut text = String::new();
    style.write(&mut text, value, 0)?;
    Ok(text)
}

fn indentation(indent: &Value) -> Result<String, Error> {
    match indent.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => match indent.as_usize() {
            Some(count) if count <= 64 => Ok(" ".repeat(count)),
            _ => Err(invalid("`indent` must be a string or a small number")),
        },
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

impl Style {
    fn write(&self, text: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(invalid("the value is nested too deeply for JSON"));
        }
        match value.kind() {
            ValueKind::None => text.push_str("null"),
            ValueKind::Bool => text.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => text.push_str(&number(value)?),
            ValueKind::String => self.string(text, value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.nested(text, ['[', ']'], depth, &items, |text, item| self.write(text, item, depth + 1))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<(String, Value)> =
                    value.try_iter()?.map(|key| Ok((key_text(&key)?, key))).collect::<Result<_, Error>>()?;
                if self.sort_keys {
                    keys.sort_by(|a, b| a.0.cmp(&b.0));
                }
                self.nested(text, ['{', '}'], depth, &keys, |text, (name, key)| {
                    self.string(text, name);
                    text.push_str(&self.colon);
                    self.write(text, &value.get_item(key)?, depth + 1)
                })?;
            }
            _ => return Err(invalid("the value cannot be written as JSON")),
        }
        Ok(())
    }

    /// Items between brackets, each on a line of its own if there is an indentation.
    fn nested<T>(
        &self,
        text: &mut String,
        [open, close]: [char; 2],
        depth: usize,
        items: &[T],
        mut write: impl FnMut(&mut String, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |text: &mut String, depth: usize| {
            if let Some(indent) = &self.indent {
                text.push('\n');
                text.push_str(&indent.repeat(depth));
            }
        };
        text.push(open);
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                text.push_str(&self.comma);
            }
            line(text, depth + 1);
            write(text, item)?;
        }
        if !items.is_empty() {
            line(text, depth);
        }
        text.push(close);
        Ok(())
    }

    fn string(&self, text: &mut String, value: &str) {
        text.push('"');
        for character in value.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                control if control < ' ' => escape(text, control),
                other if self.ensure_ascii && other > '~' => escape(text, other),
                other => text.push(other),
            }
        }
        text.push('"');
    }
}

fn escape(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let escaped = format!("\\u{unit:04x}");
        text.push_str(&escaped);
    }
}

/// A key as Python writes it: numbers and truth values become strings.
fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => number(key),
        _ => Err(invalid("keys of JSON objects must be strings")),
    }
}

fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    let number = f64::try_from(value.clone())?;
    Ok(if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        float(number)
    })
}

/// Python's `repr` of a float: the shortest digits that give it back, without exponent from 1e-4 to below 1e16.
fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right-hand sides are Python's.
    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456_789.125, "123456789.125"),
        ];
        for (number, expected) in cases {
            assert_eq!(float(number), expected);
        }
    }
}
