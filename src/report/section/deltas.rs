//! The comparison as papers print it: the first model's numbers, then what each other model changes; one line per model.

use super::{
    heatmap::splits,
    table::{number, row, table},
};
use crate::{
    align::metric::SplitMetrics,
    report::{
        content::{LabelledMetrics, ReportContent},
        html::Html,
        measure,
    },
};

/// The columns, as far as a part of the data has them.
const COLUMNS: &[&str] = &[
    "RankC",
    "same answer",
    "accuracy",
    "accuracy, English",
    "accuracy, other languages",
    "Consistency_2",
    "AC3_2",
    "accuracy, several golds",
    "safety rate",
    "variance / 100",
    "pairwise agreement",
    "win rate",
];

/// One table per part of the data.
pub fn write(html: &mut Html, content: &ReportContent) {
    if content.metrics.len() < 2 {
        return;
    }
    for split in splits(content) {
        let Some(base) = content.metrics.first().and_then(|one| of_split(one, &split)) else { continue };
        let columns: Vec<&str> =
            COLUMNS.iter().copied().filter(|column| base.value(column).is_some()).collect();
        if columns.is_empty() {
            continue;
        }
        let heading = if split.is_empty() {
            "As papers print it".to_owned()
        } else {
            format!("As papers print it, {split}")
        };
        html.leaf("h3", &[("dir", "auto")], heading);
        let mut head = vec![("", false)];
        head.extend(columns.iter().map(|column| (*column, true)));
        table(html, &head, |body| {
            for (index, labelled) in content.metrics.iter().enumerate() {
                let Some(found) = of_split(labelled, &split) else { continue };
                row(body, &labelled.label, |line| {
                    for column in &columns {
                        number(line, cell(base, found, column, index == 0));
                    }
                });
            }
        });
        html.leaf("p", &[("class", "muted")], note(base));
    }
}

fn of_split<'m>(labelled: &'m LabelledMetrics, split: &str) -> Option<&'m SplitMetrics> {
    labelled.metrics.splits.iter().find(|one| one.split == split)
}

fn cell(base: &SplitMetrics, found: &SplitMetrics, column: &str, first: bool) -> String {
    let value = found.value(column).map(|value| value.value);
    let before = base.value(column).map(|value| value.value);
    if first {
        return measure::percent(value);
    }
    let change = value.zip(before).map(|(value, before)| value - before);
    if change.is_none() { "-".to_owned() } else { measure::points(change) }
}

/// The intervals of the first line, since its numbers stand alone.
fn note(base: &SplitMetrics) -> String {
    let shown = COLUMNS.iter().filter_map(|column| {
        let value = base.value(column)?;
        let [low, high] = value.interval?;
        Some(format!("{column} {low:.1} to {high:.1}"))
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        return format!("{} questions.", measure::count(base.questions as u64));
    }
    format!(
        "{} questions. Bootstrap intervals of the first line: {}.",
        measure::count(base.questions as u64),
        shown.join("; ")
    )
}
