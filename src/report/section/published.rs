//! Published numbers beside ours.

use super::table::{number, row, table};
use crate::report::{content::ReportContent, html::Html, measure};

/// One line per published number.
pub fn write(html: &mut Html, content: &ReportContent) {
    if content.published.is_empty() {
        return;
    }
    html.leaf("h3", &[], "Beside published numbers");
    let columns = [
        ("", false),
        ("", false),
        ("ours", true),
        ("published", true),
        ("difference", true),
        ("source", false),
    ];
    table(html, &columns, |body| {
        for one in &content.published {
            row(body, &one.label, |line| {
                let part = if one.split.is_empty() { String::new() } else { format!(", {}", one.split) };
                line.leaf("td", &[("dir", "auto")], format!("{}{part}", one.measure));
                number(line, measure::percent(one.ours));
                number(line, measure::percent(Some(one.value)));
                number(line, measure::points(one.ours.map(|ours| ours - one.value)));
                line.leaf("td", &[("dir", "auto")], &one.source);
            });
        }
    });
}
