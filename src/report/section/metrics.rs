//! The comparison at a glance, and accuracy language by language.

use super::heatmap;
use crate::report::{content::ReportContent, html::Html, measure};

/// The headline table: one row per part of the data and measure, one column per model.
pub fn headline(html: &mut Html, content: &ReportContent) {
    if content.headline.is_empty() {
        return;
    }
    table(html, &content.labels, |body| {
        let mut last: Option<&str> = None;
        for row in &content.headline {
            let first = last != Some(row.split.as_str());
            last = Some(&row.split);
            let heading = if first { row.split.as_str() } else { "" };
            line(body, first, heading, &row.measure, &row.values, &row.intervals);
        }
    });
    if content.labels.len() > 1 {
        html.leaf(
            "p",
            &[("class", "muted")],
            "In percent; small numbers are the change against the first column, in points, and below them the bootstrap \
             interval over questions.",
        );
    }
}

/// Accuracy per language, for every part of the data.
pub fn per_language(html: &mut Html, content: &ReportContent) {
    let splits = heatmap::splits(content);
    let known =
        content.metrics.iter().flat_map(|one| &one.metrics.splits).any(|split| split.accuracy.is_some());
    if !known {
        return;
    }
    html.leaf("h3", &[], "Accuracy by language");
    let labels: Vec<String> = content.metrics.iter().map(|labelled| labelled.label.clone()).collect();
    html.element("div", &[("class", "grid")], |grid| {
        for split in &splits {
            table(grid, &labels, |body| {
                for (index, language) in languages(content, split).into_iter().enumerate() {
                    let values: Vec<Option<f64>> =
                        content.metrics.iter().map(|one| accuracy(one, split, language)).collect();
                    line(body, index == 0, if index == 0 { split } else { "" }, language, &values, &[]);
                }
            });
        }
    });
}

/// The languages of a part of the data, in the order of the first model that has them.
fn languages<'a>(content: &'a ReportContent, split: &str) -> Vec<&'a str> {
    let mut languages: Vec<&str> = Vec::new();
    let splits = content.metrics.iter().flat_map(|one| &one.metrics.splits);
    for language in splits.filter(|one| one.split == split).flat_map(|one| &one.languages) {
        if !languages.contains(&language.as_str()) {
            languages.push(language);
        }
    }
    languages
}

fn accuracy(labelled: &crate::report::content::LabelledMetrics, split: &str, language: &str) -> Option<f64> {
    let found = labelled.metrics.splits.iter().find(|one| one.split == split)?;
    found.accuracy.as_ref()?.per_language.iter().find(|one| one.lang == language).map(|one| one.accuracy)
}

fn table(html: &mut Html, labels: &[String], rows: impl FnOnce(&mut Html)) {
    html.element("div", &[("class", "scroll")], |scroll| {
        scroll.element("table", &[], |table| {
            table.element("tr", &[], |head| {
                head.leaf("th", &[], "").leaf("th", &[], "");
                for label in labels {
                    head.leaf("th", &[("class", "n"), ("dir", "auto")], label);
                }
            });
            rows(table);
        });
    });
}

fn line(
    html: &mut Html,
    first: bool,
    split: &str,
    name: &str,
    values: &[Option<f64>],
    intervals: &[Option<[f64; 2]>],
) {
    let class = if first { "first" } else { "" };
    html.element("tr", &[("class", class)], |row| {
        row.leaf("th", &[("dir", "auto")], split).leaf("td", &[("dir", "auto")], name);
        let base = values.first().copied().flatten();
        for (index, value) in values.iter().enumerate() {
            row.element("td", &[("class", "n")], |cell| {
                cell.text(measure::percent(*value));
                let change = value.zip(base).map(|(value, base)| value - base);
                if index > 0 {
                    let class = match change {
                        Some(change) if change >= 0.05 => "up",
                        Some(change) if change <= -0.05 => "down",
                        _ => "muted",
                    };
                    cell.text(" ").leaf("small", &[("class", class)], measure::points(change));
                }
                if let Some(Some([low, high])) = intervals.get(index) {
                    let ends = format!("{low:.1} to {high:.1}");
                    cell.void("br", &[]).leaf("small", &[("class", "muted interval")], ends);
                }
            });
        }
    });
}
