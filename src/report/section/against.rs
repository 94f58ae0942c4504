//! What changed against the model before, question by question: paired intervals and tests, and the answers of each
//! language (direct consistency optimisation's direction control: whose answers moved, and for better or worse).

use super::table::{change_bar, number, row, table};
use crate::{
    align::metric::{Against, SplitMetrics},
    report::{content::ReportContent, html::Html, measure},
};

/// Every model that was compared with another.
pub fn write(html: &mut Html, content: &ReportContent) {
    for labelled in &content.metrics {
        for split in &labelled.metrics.splits {
            if let Some(against) = &split.against {
                compared(html, &labelled.label, split, against);
            }
        }
    }
}

fn compared(html: &mut Html, label: &str, split: &SplitMetrics, against: &Against) {
    let part = if split.split.is_empty() { String::new() } else { format!(", {}", split.split) };
    html.leaf("h3", &[("dir", "auto")], format!("What changed: {label}{part}"));
    let unmatched = match against.unmatched {
        0 => String::new(),
        count => format!("; {count} questions have no partner and are left out"),
    };
    html.leaf(
        "p",
        &[("class", "muted")],
        format!(
            "Against the model before, on the same {} questions{unmatched}. {:.1} % of all answers are others than before.",
            measure::count(against.questions as u64),
            against.changed
        ),
    );
    languages(html, split, against);
    html.element("details", &[], |details| {
        details.leaf("summary", &[], "Intervals and tests");
        tests(details, against);
    });
}

/// Accuracy's change per language as bars, with the share of changed answers.
fn languages(html: &mut Html, split: &SplitMetrics, against: &Against) {
    let known = |lang: &str| {
        let accuracy = split.accuracy.as_ref()?;
        accuracy.per_language.iter().find(|one| one.lang == lang).map(|one| one.questions.max(1))
    };
    let change = |language: &crate::align::metric::LanguageChange| {
        let questions = known(&language.lang)?;
        Some(100.0 * (language.gained as f64 - language.lost as f64) / questions as f64)
    };
    let largest = against.per_language.iter().filter_map(change).map(f64::abs).fold(1.0, f64::max);
    let columns = [
        ("language", false),
        ("accuracy, change", false),
        ("other answers", false),
        ("now right", true),
        ("now wrong", true),
        ("p (McNemar)", true),
    ];
    table(html, &columns, |body| {
        for language in &against.per_language {
            row(body, &language.lang, |line| {
                change_bar(line, change(language), largest);
                line.element("td", &[], |cell| {
                    let style = format!("width:{:.1}%", language.changed.clamp(0.0, 100.0));
                    cell.element("span", &[("class", "bar")], |bar| {
                        bar.leaf("i", &[("style", &style)], "");
                    });
                    cell.text(format!(" {:.1} %", language.changed));
                });
                number(line, language.gained);
                number(line, language.lost);
                number(line, p(language.p));
            });
        }
    });
}

fn tests(html: &mut Html, against: &Against) {
    let columns = [
        ("measure", false),
        ("change", true),
        ("interval", true),
        ("p (bootstrap)", true),
        ("questions up", true),
        ("down", true),
        ("p (sign test)", true),
    ];
    table(html, &columns, |body| {
        for change in &against.changes {
            row(body, &change.measure, |line| {
                number(line, measure::points(Some(change.change)));
                let ends = change.interval.map(|[low, high]| {
                    format!("{} to {}", measure::points(Some(low)), measure::points(Some(high)))
                });
                number(line, ends.unwrap_or_else(|| "-".to_owned()));
                number(line, change.p_bootstrap.map_or_else(|| "-".to_owned(), p));
                number(line, change.better);
                number(line, change.worse);
                number(line, p(change.p_sign));
            });
        }
    });
}

fn p(value: f64) -> String {
    if value < 0.001 { "< 0.001".to_owned() } else { format!("{value:.3}") }
}
