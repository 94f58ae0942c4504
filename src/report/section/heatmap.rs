//! Language-by-language agreement as coloured tables: each model, and what each changes against the first.

use crate::{
    align::metric::{PairMatrix, SplitMetrics},
    report::{content::ReportContent, html::Html, measure},
};

/// Which matrix of a part of the data is shown.
type Pick = fn(&SplitMetrics) -> Option<&PairMatrix>;

/// All measures that are matrices: name, what it says, and where it is.
const MATRICES: &[(&str, &str, Pick)] = &[
    ("RankC", "agreement of candidate rankings, weighted to the top", |split| split.rankc.as_ref()),
    ("same answer", "share of questions with the same best candidate", |split| split.top1.as_ref()),
    (
        "same answer if either is right",
        "the same, among questions at least one language answers right",
        |split| split.top1_if_any_right.as_ref(),
    ),
];

/// Heatmaps of every part of the data; the first measure open, the others folded.
pub fn write(html: &mut Html, content: &ReportContent) {
    for split in splits(content) {
        let mut shown = 0;
        for (name, about, pick) in MATRICES {
            let matrices = collect(content, &split, *pick);
            if matrices.is_empty() {
                continue;
            }
            let heading = if split.is_empty() { (*name).to_owned() } else { format!("{name}, {split}") };
            if shown == 0 {
                html.leaf("h3", &[], &heading).leaf(
                    "p",
                    &[("class", "muted")],
                    format!("{about}, in percent"),
                );
                figures(html, &matrices);
            } else {
                html.element("details", &[], |details| {
                    details.leaf("summary", &[], &heading);
                    details.leaf("p", &[("class", "muted")], format!("{about}, in percent"));
                    figures(details, &matrices);
                });
            }
            shown += 1;
        }
    }
}

/// The parts of the data, in the order of the first model that has them.
pub(super) fn splits(content: &ReportContent) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for split in content.metrics.iter().flat_map(|labelled| &labelled.metrics.splits) {
        if !names.contains(&split.split) {
            names.push(split.split.clone());
        }
    }
    names
}

struct Matrix<'a> {
    label: &'a str,
    languages: &'a [String],
    pairs: &'a PairMatrix,
}

impl Matrix<'_> {
    fn at(&self, row: usize, column: usize) -> Option<f64> {
        self.pairs.values.get(row)?.get(column).copied().flatten().filter(|value| value.is_finite())
    }
}

fn collect<'a>(content: &'a ReportContent, split: &str, pick: Pick) -> Vec<Matrix<'a>> {
    let models = content.metrics.iter().filter_map(|labelled| {
        let found = labelled.metrics.splits.iter().find(|one| one.split == split)?;
        Some(Matrix { label: &labelled.label, languages: &found.languages, pairs: pick(found)? })
    });
    models.collect()
}

fn figures(html: &mut Html, matrices: &[Matrix<'_>]) {
    let range = range(matrices);
    html.element("div", &[("class", "grid")], |grid| {
        for matrix in matrices {
            figure(grid, matrix.label, matrix.pairs.mean, matrix.languages, |row, column| {
                matrix.at(row, column).map(|value| Cell {
                    class: "",
                    strength: if row == column { 0.0 } else { (value - range.0) / (range.1 - range.0) },
                    text: if row == column { "·".to_owned() } else { format!("{value:.0}") },
                })
            });
        }
        let Some((first, others)) = matrices.split_first() else { return };
        for other in others.iter().filter(|other| other.languages == first.languages) {
            difference(grid, first, other);
        }
    });
}

fn difference(html: &mut Html, first: &Matrix<'_>, last: &Matrix<'_>) {
    let change = |row, column| Some(last.at(row, column)? - first.at(row, column)?);
    let count = first.languages.len();
    let cells = (0..count).flat_map(|row| (0..count).map(move |column| (row, column)));
    let largest = cells.filter_map(|(row, column)| change(row, column)).map(f64::abs).fold(1.0, f64::max);
    let mean = first.pairs.mean.zip(last.pairs.mean).map(|(before, after)| after - before);
    let caption = format!("{} − {}", last.label, first.label);
    let caption_mean = measure::points(mean);
    heading_and_table(html, &caption, &caption_mean, first.languages, |row, column| {
        change(row, column).map(|value| Cell {
            class: if value < 0.0 { "minus" } else { "plus" },
            strength: value.abs() / largest,
            text: if row == column { "·".to_owned() } else { measure::points(Some(value)) },
        })
    });
}

struct Cell {
    class: &'static str,
    strength: f64,
    text: String,
}

fn figure(
    html: &mut Html,
    label: &str,
    mean: Option<f64>,
    languages: &[String],
    cell: impl Fn(usize, usize) -> Option<Cell>,
) {
    heading_and_table(html, label, &measure::percent(mean), languages, cell);
}

fn heading_and_table(
    html: &mut Html,
    label: &str,
    mean: &str,
    languages: &[String],
    cell: impl Fn(usize, usize) -> Option<Cell>,
) {
    html.element("figure", &[], |figure| {
        figure.element("figcaption", &[], |caption| {
            caption.text(format!("{label} ")).leaf("span", &[("class", "muted")], format!("mean {mean}"));
        });
        figure.element("div", &[("class", "scroll")], |scroll| {
            scroll.element("table", &[("class", "heat")], |table| {
                table.element("tr", &[], |head| {
                    head.leaf("th", &[], "");
                    for language in languages {
                        head.leaf("th", &[], language);
                    }
                });
                for (row, language) in languages.iter().enumerate() {
                    table.element("tr", &[], |line| {
                        line.leaf("th", &[], language);
                        for column in 0..languages.len() {
                            write_cell(line, cell(row, column));
                        }
                    });
                }
            });
        });
    });
}

fn write_cell(line: &mut Html, cell: Option<Cell>) {
    match cell {
        None => {
            line.leaf("td", &[("class", "none")], "-");
        }
        Some(Cell { class, strength, text }) => {
            let style = format!("--v:{:.3}", strength.clamp(0.0, 1.0));
            line.leaf("td", &[("class", class), ("style", &style)], text);
        }
    }
}

/// Smallest and largest value off the diagonals, over all matrices, so that their colours can be compared.
fn range(matrices: &[Matrix<'_>]) -> (f64, f64) {
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    for matrix in matrices {
        for row in 0..matrix.languages.len() {
            for column in (0..matrix.languages.len()).filter(|column| *column != row) {
                if let Some(value) = matrix.at(row, column) {
                    range = (range.0.min(value), range.1.max(value));
                }
            }
        }
    }
    if range.1 > range.0 { range } else { (0.0, 100.0) }
}
