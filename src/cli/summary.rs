//! The numbers at the end of a run: one table per report, a column per model, and what changed.

use super::{
    console::{Paint, Tone},
    table::{Align, Table},
};
use crate::report::{content::ReportContent, measure};

/// One text per report that has numbers.
pub fn tables(contents: &[ReportContent], paint: Paint) -> Vec<String> {
    contents
        .iter()
        .filter(|content| !content.headline.is_empty())
        .map(|content| table(content, paint))
        .collect()
}

fn table(content: &ReportContent, paint: Paint) -> String {
    let splits = content.headline.iter().any(|row| !row.split.is_empty());
    let compared = content.labels.len() > 1;
    let mut table = Table::default();
    if splits {
        table.column("", Align::Left);
    }
    table.column("", Align::Left);
    for (index, label) in content.labels.iter().enumerate() {
        table.column(label, Align::Right);
        if index > 0 {
            table.column("", Align::Right);
        }
    }
    let mut last_split: Option<&str> = None;
    for row in &content.headline {
        let mut cells = Vec::new();
        if splits {
            let repeated = last_split == Some(row.split.as_str());
            cells.push(if repeated { String::new() } else { row.split.clone() });
            last_split = Some(&row.split);
        }
        cells.push(row.measure.clone());
        let first = row.values.first().copied().flatten();
        for (index, value) in row.values.iter().enumerate() {
            cells.push(measure::percent(*value));
            if index > 0 {
                cells.push(measure::points(value.zip(first).map(|(value, first)| value - first)));
            }
        }
        table.row(cells);
    }
    let mut lines = table.lines();
    if let Some(heading) = lines.first_mut() {
        *heading = paint.paint(Tone::Quiet, &*heading);
    }
    let unit = if compared { "percent; change against the first column" } else { "percent" };
    let title = paint.paint(Tone::Strong, &content.title);
    format!("{title} {}\n{}\n", paint.paint(Tone::Quiet, format!("({unit})")), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::content::HeadlineRow;

    #[test]
    fn the_table_shows_every_model_and_its_change() {
        let row = |split: &str, measure: &str, values: &[Option<f64>]| HeadlineRow {
            split: split.into(),
            measure: measure.into(),
            values: values.to_vec(),
            intervals: Vec::new(),
        };
        let content = ReportContent {
            title: "CALM".into(),
            labels: vec!["base".into(), "calm".into()],
            headline: vec![
                row("trained", "accuracy", &[Some(83.74), Some(85.8)]),
                row("trained", "RankC", &[Some(65.7), None]),
                row("held-out", "accuracy", &[Some(71.0), Some(70.4)]),
            ],
            ..ReportContent::default()
        };
        let texts = tables(&[content, ReportContent::default()], Paint { on: false });
        assert_eq!(texts.len(), 1, "a report without numbers has no table");
        assert_eq!(
            texts[0],
            "CALM (percent; change against the first column)\n                    base  calm\n\
             trained   accuracy  83.7  85.8  +2.1\n          RankC     65.7     -\n\
             held-out  accuracy  71.0  70.4  −0.6\n"
        );
    }
}
