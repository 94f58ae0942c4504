//! How sure models are where they are right and where they are wrong, what all languages together would answer, and how
//! long answers are.

use super::table::{number, row, table};
use crate::report::{content::ReportContent, html::Html, measure};

/// Folded: these numbers explain others.
pub fn write(html: &mut Html, content: &ReportContent) {
    let splits = || {
        content
            .metrics
            .iter()
            .flat_map(|one| one.metrics.splits.iter().map(|split| (one.label.as_str(), split)))
    };
    if !splits().any(|(_, split)| split.entropy.is_some() || split.oracle.is_some()) {
        return;
    }
    html.element("details", &[], |details| {
        details.leaf("summary", &[], "Entropy, and the product of experts");
        let columns = [
            ("", false),
            ("", false),
            ("entropy where right", true),
            ("where wrong", true),
            ("all languages together", true),
        ];
        table(details, &columns, |body| {
            for (label, split) in splits() {
                row(body, label, |line| {
                    line.leaf("td", &[("dir", "auto")], &split.split);
                    let spread = |spread: Option<crate::align::metric::Spread>| {
                        spread.filter(|spread| spread.count > 0).map_or_else(
                            || "-".to_owned(),
                            |spread| format!("{:.2} ± {:.2}", spread.mean, spread.deviation),
                        )
                    };
                    number(line, spread(split.entropy.as_ref().map(|entropy| entropy.right)));
                    number(line, spread(split.entropy.as_ref().map(|entropy| entropy.wrong)));
                    number(line, measure::percent(split.oracle.as_ref().map(|oracle| oracle.accuracy)));
                });
            }
        });
        details.leaf(
            "p",
            &[("class", "muted")],
            "Entropy in nats, mean and standard deviation over questions and languages. The product of experts takes the \
             candidate with the largest sum of log-probabilities over all languages; how often it is right, in percent.",
        );
    });
}
