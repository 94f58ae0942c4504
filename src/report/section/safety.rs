//! What a judge said: safety rates or win rates by language, with variance, agreement and attack success.

use super::table::{number, row, table};
use crate::{
    align::metric::{SplitMetrics, Verdicts},
    report::{content::ReportContent, html::Html, measure},
};

/// One table for all models that a judge looked at.
pub fn write(html: &mut Html, content: &ReportContent) {
    let judged: Vec<(&str, &SplitMetrics, &Verdicts)> = content
        .metrics
        .iter()
        .flat_map(|one| one.metrics.splits.iter().map(|split| (one.label.as_str(), split)))
        .filter_map(|(label, split)| Some((label, split, split.verdicts.as_ref()?)))
        .collect();
    let Some((_, first, verdicts)) = judged.first() else { return };
    html.leaf("h3", &[], "Verdicts");
    let summary: Vec<&str> = ["safety rate", "variance / 100", "pairwise agreement", "win rate"]
        .into_iter()
        .filter(|measure| first.value(measure).is_some())
        .collect();
    let groups: Vec<String> =
        verdicts.groups.iter().map(|group| format!("attack success, {}", group.group)).collect();
    let mut columns = vec![("", false)];
    columns.extend(first.languages.iter().map(|lang| (lang.as_str(), true)));
    columns.extend(summary.iter().map(|name| (*name, true)));
    columns.extend(groups.iter().map(|name| (name.as_str(), true)));
    columns.push(("unparsable", true));
    table(html, &columns, |body| {
        for (label, split, verdicts) in &judged {
            row(body, label, |line| {
                for lang in &first.languages {
                    let rate = verdicts.per_language.iter().find(|one| one.lang == *lang).map(|one| one.rate);
                    number(line, measure::percent(rate));
                }
                for name in summary.iter().copied().chain(groups.iter().map(String::as_str)) {
                    let value = split.value(name).map(|value| value.value);
                    let digits = if name.starts_with("variance") { 2 } else { 1 };
                    number(line, value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}")));
                }
                number(line, verdicts.unparsable);
            });
        }
    });
    html.leaf(
        "p",
        &[("class", "muted")],
        "Rates in percent, by language; the variance is that of the languages' rates divided by 100.",
    );
}
