//! Files to records: named cells with the place they came from.

use std::path::Path;

use serde_json::{Map, Value};

use super::{DatasetSpec, Format};
use crate::{
    failure::{Cause, Failure},
    task::language::LangCode,
};

/// Named cells of one row of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// `file:line`, or `file: row N` where lines are not known.
    pub(super) place: String,
    /// The number of the row within its file, from 1.
    pub(super) number: usize,
    /// The language of the file, when it has one.
    pub(super) lang: Option<LangCode>,
    /// The cells.
    pub(super) cells: Map<String, Value>,
}

/// All records of a file. A file without any is an error.
pub(super) fn read(path: &Path, lang: Option<&LangCode>, spec: &DatasetSpec) -> Result<Vec<Record>, Failure> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
    let text = decode(&bytes, &shown)?;
    let format = spec.format.unwrap_or_else(|| detect(text));
    let mut records = match format {
        Format::Jsonl => jsonl(text, &shown)?,
        Format::Json => json(text, &shown)?,
        Format::Csv => cells(text, &shown, b',', spec)?,
        Format::Tsv => cells(text, &shown, b'\t', spec)?,
    };
    if records.is_empty() {
        return Err(Failure::input(format!("`{shown}` holds no rows"))
            .hint("an empty file is rarely meant; take the entry out of the recipe if it is"));
    }
    for (index, record) in records.iter_mut().enumerate() {
        record.number = index + 1;
        record.lang = lang.cloned();
    }
    Ok(records)
}

/// The text of a file, without a byte order mark.
fn decode<'b>(bytes: &'b [u8], shown: &str) -> Result<&'b str, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        Failure::input("not UTF-8 text")
            .at(format!("{shown}:{line}"))
            .hint("convert the file, with `iconv` for example")
    })
}

/// The format, told from the first characters and the first line.
fn detect(text: &str) -> Format {
    let first_line = text.trim_start().lines().next().unwrap_or_default();
    match first_line.chars().next() {
        Some('[') => Format::Json,
        Some('{') => Format::Jsonl,
        _ if first_line.contains('\t') => Format::Tsv,
        _ => Format::Csv,
    }
}

fn record(place: String, value: Value) -> Result<Record, Failure> {
    match value {
        Value::Object(cells) => Ok(Record { place, number: 0, lang: None, cells }),
        _ => Err(Failure::input("a row is not a JSON object").at(place)),
    }
}

fn jsonl(text: &str, shown: &str) -> Result<Vec<Record>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let place = format!("{shown}:{}", index + 1);
            let value = serde_json::from_str(line)
                .map_err(|error| Failure::input(format!("not a JSON object: {error}")).at(&place))?;
            record(place, value)
        })
        .collect()
}

fn json(text: &str, shown: &str) -> Result<Vec<Record>, Failure> {
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        Failure::input(format!("not a JSON list: {error}")).at(format!("{shown}:{}", error.line()))
    })?;
    rows.into_iter()
        .enumerate()
        .map(|(index, value)| record(format!("{shown}: row {}", index + 1), value))
        .collect()
}

fn cells(text: &str, shown: &str, delimiter: u8, spec: &DatasetSpec) -> Result<Vec<Record>, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(spec.quotes)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut columns: Option<Vec<String>> = None;
    let mut records = Vec::new();
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    for row in reader.records().skip(spec.skip) {
        let row = row.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            Failure::input(format!("not a row of cells: {error}")).at(format!("{shown}:{line}"))
        })?;
        let place = format!("{shown}:{}", lines.of(row.position().map_or(0, csv::Position::byte) as usize));
        let Some(columns) = &columns else {
            if spec.header {
                columns = Some(row.iter().map(|cell| cell.trim().to_owned()).collect());
                continue;
            }
            let numbered: Vec<String> = (1..=row.len()).map(|number| number.to_string()).collect();
            records.push(named(place, &numbered, &row)?);
            columns = Some(numbered);
            continue;
        };
        records.push(named(place, columns, &row)?);
    }
    Ok(records)
}

/// Line numbers of growing byte positions. The reader's own count is one short where lines end in CRLF, because a row
/// then begins at the line feed of the row before.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, byte: usize) -> usize {
        let blank = |byte: &u8| matches!(byte, b'\n' | b'\r');
        while self.at < byte || self.text.get(self.at).is_some_and(blank) {
            self.line += usize::from(self.text.get(self.at) == Some(&b'\n'));
            self.at += 1;
        }
        self.line
    }
}

/// The cells of a row by column. A header may have more columns than the rows (some published files do); a row must
/// not have more cells than columns. Of two columns of one name the first counts.
fn named(place: String, columns: &[String], row: &csv::StringRecord) -> Result<Record, Failure> {
    if row.len() > columns.len() {
        let message = format!("{} cells, but there are {} columns", row.len(), columns.len());
        return Err(Failure::input(message)
            .at(place)
            .hint("set `quotes = false` if `\"` is an ordinary character"));
    }
    let mut cells = Map::new();
    for (column, cell) in columns.iter().zip(row.iter()) {
        cells.entry(column.clone()).or_insert_with(|| Value::String(cell.to_owned()));
    }
    Ok(Record { place, number: 0, lang: None, cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(settings: &str) -> DatasetSpec {
        toml::from_str(&format!("rows = 'texts'\nfile = 'x'\n{settings}")).unwrap()
    }

    fn read_text(bytes: &[u8], settings: &str) -> Result<Vec<Record>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        std::fs::write(&path, bytes).unwrap();
        read(&path, None, &spec(settings))
    }

    fn column(records: &[Record], name: &str) -> Vec<String> {
        records.iter().map(|record| record.cells[name].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_format_is_told_from_its_content() {
        for text in [
            "{\"a\": \"x\"}\n\n{\"a\": \"y\"}\n",
            "[{\"a\": \"x\"},\n{\"a\": \"y\"}]",
            "a,b\nx,1\ny,2\n",
            "a\tb\nx\t1\ny\t2\n",
        ] {
            let records = read_text(text.as_bytes(), "").unwrap();
            assert_eq!(column(&records, "a"), ["x", "y"], "{text}");
            assert_eq!(records[1].number, 2);
        }
    }

    #[test]
    fn byte_order_marks_and_crlf_leave_no_trace() {
        let records = read_text(b"\xef\xbb\xbfa,b\r\nx,\"1\r\n2\"\r\ny,3\r\n", "").unwrap();
        assert_eq!(column(&records, "a"), ["x", "y"]);
        assert_eq!(column(&records, "b"), ["1\r\n2", "3"]);
        assert!(records[1].place.ends_with(":4"), "a cell spans lines: {}", records[1].place);
        let lines = read_text(b"\xef\xbb\xbf{\"a\": \"x\"}\r\n{\"a\": \"y\"}\r\n", "").unwrap();
        assert_eq!(column(&lines, "a"), ["x", "y"]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let message = |bytes: &[u8], settings: &str| read_text(bytes, settings).unwrap_err().message;
        assert!(message(b"{\"a\": 1}\n{\"a\": \n", "").contains("rows:2: not a JSON object"));
        assert!(message(b"{\"a\": 1}\n7\n", "").contains("rows:2: a row is not a JSON object"));
        assert!(message(b"[{\"a\": 1},\n{]", "").contains("rows:2: not a JSON list"));
        assert!(message(b"a,b\n1,2\n1,2,3\n", "").contains("rows:3: 3 cells, but there are 2 columns"));
        assert!(message(b"a,b\n1,\xff\n", "").contains("rows:2: not UTF-8 text"));
    }

    #[test]
    fn an_empty_file_is_an_error() {
        for text in ["", "\n\n", "[]", "a,b\n"] {
            let failure = read_text(text.as_bytes(), "").unwrap_err();
            assert!(failure.message.ends_with("holds no rows"), "{text:?}: {failure}");
        }
    }

    #[test]
    fn files_without_header_or_quotes_are_read_as_told() {
        let records = read_text(b"\"one\" two\t3\nfour\t5\n", "header = false\nquotes = false").unwrap();
        assert_eq!(column(&records, "1"), ["\"one\" two", "four"]);
        assert_eq!(column(&records, "2"), ["3", "5"]);
    }
}
