//! Tables for terminals: columns as wide as their widest cell, numbers to the right, wide characters counted as two.

use unicode_width::UnicodeWidthStr;

/// On which side a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A table of texts.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these headings.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a column. Rows added before have no cell in it.
    pub fn column(&mut self, name: impl Into<String>, align: Align) {
        self.columns.push((name.into(), align));
    }

    /// Adds a row. Cells beyond the last column are dropped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(printable).collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, headings first, without trailing blanks.
    pub fn lines(&self) -> Vec<String> {
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = std::iter::once(&heading).chain(&self.rows).filter_map(|row| row.get(column));
                cells.map(|cell| cell.width()).max().unwrap_or(0)
            })
            .collect();
        std::iter::once(&heading)
            .chain(&self.rows)
            .map(|row| {
                let cells =
                    self.columns.iter().zip(&widths).enumerate().map(|(index, ((_, align), width))| {
                        padded(row.get(index).map_or("", String::as_str), *width, *align)
                    });
                cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
            })
            .collect()
    }
}

/// `text` with blanks up to `width` columns of the terminal.
pub fn padded(text: &str, width: usize, align: Align) -> String {
    let blanks = " ".repeat(width.saturating_sub(text.width()));
    match align {
        Align::Left => format!("{text}{blanks}"),
        Align::Right => format!("{blanks}{text}"),
    }
}

/// `text` cut to `width` columns of the terminal, with an ellipsis where something is missing.
pub fn cut(text: &str, width: usize) -> String {
    let text = printable(text.to_owned());
    if text.width() <= width {
        return text;
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if kept.width() >= width {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

/// Without control characters: what a file says must not steer the terminal.
fn printable(text: String) -> String {
    if text.chars().any(char::is_control) {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_script() {
        let mut table = Table::new(&[("language", Align::Left), ("n", Align::Right)]);
        table.row(["日本語".into(), "7".into()]);
        table.row(["sw".into(), "1,024".into()]);
        assert_eq!(table.lines(), ["language      n", "日本語        7", "sw        1,024"]);
    }

    #[test]
    fn what_is_too_long_is_cut_by_columns_not_bytes() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("日本語日本語", 7), "日本語…");
        assert_eq!(cut("a\u{1b}[31mb", 20), "a [31mb");
    }
}
