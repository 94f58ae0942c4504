//! Tables of a report: a head and rows of cells, scrolling sideways where they are too wide.

use crate::report::html::Html;

/// A table with column names; those marked `true` hold numbers.
pub(super) fn table(html: &mut Html, columns: &[(&str, bool)], rows: impl FnOnce(&mut Html)) {
    html.element("div", &[("class", "scroll")], |scroll| {
        scroll.element("table", &[], |table| {
            table.element("tr", &[], |head| {
                for (name, number) in columns {
                    let class = if *number { "n" } else { "" };
                    head.leaf("th", &[("class", class), ("dir", "auto")], name);
                }
            });
            rows(table);
        });
    });
}

/// A row that begins with a name.
pub(super) fn row(html: &mut Html, name: &str, cells: impl FnOnce(&mut Html)) {
    html.element("tr", &[], |line| {
        line.leaf("th", &[("dir", "auto")], name);
        cells(line);
    });
}

/// A cell with a number.
pub(super) fn number(html: &mut Html, text: impl std::fmt::Display) {
    html.leaf("td", &[("class", "n")], text);
}

/// A change as a bar that grows to the right or to the left of the middle, with its number. `largest` fills half the bar.
pub(super) fn change_bar(html: &mut Html, change: Option<f64>, largest: f64) {
    html.element("td", &[], |cell| {
        let Some(change) = change.filter(|change| change.is_finite()) else {
            cell.text("-");
            return;
        };
        let width = (change.abs() / largest.max(f64::MIN_POSITIVE) * 50.0).clamp(0.0, 50.0);
        let side = if change < 0.0 { "right:50%" } else { "left:50%" };
        let class = if change < 0.0 { "minus" } else { "plus" };
        cell.element("span", &[("class", "bar two-sided")], |bar| {
            bar.leaf("i", &[("class", class), ("style", &format!("{side};width:{width:.1}%"))], "");
        });
        cell.text(format!(" {}", crate::report::measure::points(Some(change))));
    });
}
