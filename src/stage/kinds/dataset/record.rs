//! Files to records: named cells with the place they came from.

use serde_json::{Map, Value};

use super::{
    folder::SourceFile,
    spec::{DatasetSpec, Format},
};
use crate::{
    failure::{Cause, Failure},
    task::{benchmark::Layout, language::LangCode},
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
    /// The part of the data that the file's name tells; empty without one.
    pub(super) group: String,
    /// The cells.
    pub(super) cells: Map<String, Value>,
}

/// How the cells of a file are to be found.
#[derive(Clone, Copy, Debug)]
struct Reading {
    format: Option<Format>,
    header: bool,
    quotes: bool,
    skip: usize,
}

impl Reading {
    /// As a preset knows it, else as the settings say.
    fn of(spec: &DatasetSpec) -> Self {
        let as_told = Self { format: spec.format, header: spec.header, quotes: spec.quotes, skip: spec.skip };
        let table = |format, header, quotes, skip| Self { format: Some(format), header, quotes, skip };
        match spec.benchmark().map(|benchmark| benchmark.layout) {
            None | Some(Layout::Any) => as_told,
            Some(Layout::Jsonl) => table(Format::Jsonl, true, true, 0),
            Some(Layout::Json) => table(Format::Json, true, true, 0),
            Some(Layout::Csv) => table(Format::Csv, true, true, 0),
            Some(Layout::BareCsv) => table(Format::Csv, false, true, 0),
            Some(Layout::NumberedTsv) => table(Format::Tsv, false, true, 1),
            Some(Layout::RawTsv) => table(Format::Tsv, true, false, 0),
            Some(Layout::BareTsv) => table(Format::Tsv, false, false, 0),
            Some(Layout::Lines) => table(Format::Lines, false, false, 0),
        }
    }
}

/// All records of a file. A file without any is an error.
pub(super) fn read(file: &SourceFile, spec: &DatasetSpec) -> Result<Vec<Record>, Failure> {
    let shown = file.path.display().to_string();
    let bytes =
        std::fs::read(&file.path).map_err(|error| Failure::io(Cause::Input, "read", &file.path, &error))?;
    let text = decode(&bytes, &shown)?;
    let reading = Reading::of(spec);
    let mut records = match reading.format.unwrap_or_else(|| detect(text)) {
        Format::Jsonl => jsonl(text, &shown)?,
        Format::Json => json(text, &shown)?,
        Format::Csv => cells(text, &shown, b',', reading)?,
        Format::Tsv => cells(text, &shown, b'\t', reading)?,
        Format::Lines => lines(text, &shown)?,
    };
    if records.is_empty() {
        return Err(Failure::input(format!("`{shown}` holds no rows"))
            .hint("an empty file is rarely meant; take the entry out of the recipe if it is"));
    }
    for (index, record) in records.iter_mut().enumerate() {
        record.number = index + 1;
        record.lang.clone_from(&file.lang);
        record.group.clone_from(&file.group);
    }
    Ok(records)
}

/// The text of a file, without a byte order mark.
fn decode<'b>(bytes: &'b [u8], shown: &str) -> Result<&'b str, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let line = bytes[..at].split(|byte| *byte == b'\n').count();
        return Err(Failure::input("a NUL byte: this is UTF-16 or no text at all")
            .at(format!("{shown}:{line}"))
            .hint("convert UTF-16 with `iconv -f UTF-16 -t UTF-8`"));
    }
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
        Value::Object(cells) => Ok(Record { place, number: 0, lang: None, group: String::new(), cells }),
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
    let broken = |error: serde_json::Error| {
        Failure::input(format!("not a JSON list: {error}")).at(format!("{shown}:{}", error.line()))
    };
    let rows: Vec<Value> = if text.trim_start().starts_with('{') {
        let mut whole: Map<String, Value> = serde_json::from_str(text).map_err(broken)?;
        match whole.remove("data") {
            Some(Value::Array(rows)) => rows,
            _ => {
                return Err(Failure::input("a JSON object without a list named `data`").at(shown));
            }
        }
    } else {
        serde_json::from_str(text).map_err(broken)?
    };
    rows.into_iter()
        .enumerate()
        .map(|(index, value)| record(format!("{shown}: row {}", index + 1), value))
        .collect()
}

fn lines(text: &str, shown: &str) -> Result<Vec<Record>, Failure> {
    let line = |(index, line): (usize, &str)| {
        let cells = Map::from_iter([("1".to_owned(), Value::String(line.to_owned()))]);
        record(format!("{shown}:{}", index + 1), Value::Object(cells))
    };
    text.lines().enumerate().map(line).collect()
}

fn cells(text: &str, shown: &str, delimiter: u8, reading: Reading) -> Result<Vec<Record>, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(reading.quotes)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut columns: Option<Vec<String>> = None;
    let mut records = Vec::new();
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    let mut last = 0;
    for row in reader.records().skip(reading.skip) {
        let row = row.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            Failure::input(format!("not a row of cells: {error}")).at(format!("{shown}:{line}"))
        })?;
        let start = row.position().map_or(0, csv::Position::byte) as usize;
        let place = format!("{shown}:{}", lines.of(start));
        last = start;
        let Some(columns) = &columns else {
            if reading.header {
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
    if reading.quotes && never_closed(text.get(last..).unwrap_or_default(), delimiter) {
        return Err(Failure::input("a quoted cell begins here and is never closed")
            .at(records.last().map_or(shown, |record| record.place.as_str()))
            .hint("the file is cut, or set `quotes = false` if `\"` is an ordinary character"));
    }
    Ok(records)
}

/// Whether the last row of a file opens a quoted cell and the file ends within it.
fn never_closed(row: &str, delimiter: u8) -> bool {
    let delimiter = char::from(delimiter);
    let (mut quoted, mut at_start) = (false, true);
    let mut characters = row.trim_start_matches(['\r', '\n']).chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted => quoted = characters.next_if_eq(&'"').is_some(),
            '"' if at_start => quoted = true,
            _ => {}
        }
        at_start = !quoted && (character == delimiter || character == '\n');
    }
    quoted
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
    Ok(Record { place, number: 0, lang: None, group: String::new(), cells })
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
        read(&SourceFile { path, lang: None, group: String::new() }, &spec(settings))
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
    fn a_file_that_is_cut_or_no_text_is_an_error() {
        let message = |bytes: &[u8], settings: &str| read_text(bytes, settings).unwrap_err().message;
        assert!(message(b"a,b\n1,\"two\n3,4\n", "").contains("rows:2: a quoted cell begins here"));
        assert!(message(b"a,b\n1,\"two \"\" more", "").contains("rows:2: a quoted cell begins here"));
        assert!(message(b"a,b\n1,\0\n", "").contains("rows:2: a NUL byte"));
        assert!(message(b"\xff\xfea\0", "").contains("a NUL byte"));
        assert!(message(b"[{\"a\": 1}, {\"a\"", "").contains("not a JSON list"));
        for whole in ["a,b\n1,\"two\"\n", "a,b\n1,5\" pipe\n", "a,b\n1,\"x \"\" y\"", "a,b\n1,\"\"\n"] {
            assert_eq!(read_text(whole.as_bytes(), "").unwrap().len(), 1, "{whole}");
        }
    }

    #[test]
    fn lines_and_wrapped_lists_are_read() {
        let records = read_text(b"one\r\n\ntwo \"2\"\n", "format = 'lines'").unwrap();
        assert_eq!(column(&records, "1"), ["one", "", "two \"2\""]);
        let records = read_text(b"{\"version\": 1, \"data\": [{\"a\": \"x\"}]}", "format = 'json'").unwrap();
        assert_eq!(column(&records, "a"), ["x"]);
    }

    #[test]
    fn files_without_header_or_quotes_are_read_as_told() {
        let records = read_text(b"\"one\" two\t3\nfour\t5\n", "header = false\nquotes = false").unwrap();
        assert_eq!(column(&records, "1"), ["\"one\" two", "four"]);
        assert_eq!(column(&records, "2"), ["3", "5"]);
    }
}
