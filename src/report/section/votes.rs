//! How the votes went: how many questions have a winner, how often it is right, and how each language voted.

use super::table::{row, table};
use crate::report::{
    content::{ReportContent, VoteSummary},
    html::Html,
    measure,
};

/// The summary of the votes, if the report has one.
pub fn write(html: &mut Html, content: &ReportContent) {
    let Some(votes) = &content.votes else { return };
    html.leaf("h3", &[], "Votes");
    html.leaf("p", &[], sentence(votes));
    accuracy_bars(html, votes);
    html.element("div", &[("class", "scroll")], |scroll| {
        scroll.element("table", &[], |table| {
            table.element("tr", &[], |head| {
                head.leaf("th", &[], "language").leaf("th", &[("class", "n")], "samples read");
                head.leaf("th", &[], "agree with the winner").leaf(
                    "th",
                    &[("class", "n")],
                    "examples picked",
                );
            });
            for language in &votes.per_language {
                table.element("tr", &[], |row| {
                    row.leaf("td", &[], &language.lang);
                    row.leaf("td", &[("class", "n")], measure::count(language.ballots as u64));
                    row.element("td", &[], |cell| share(cell, language.agreeing, language.ballots));
                    row.leaf("td", &[("class", "n")], measure::count(language.examples as u64));
                });
            }
        });
    });
}

/// How often each language is right by itself, beside how often the vote is: whom the majority can teach.
fn accuracy_bars(html: &mut Html, votes: &VoteSummary) {
    if votes.known == 0 || votes.per_language.iter().all(|language| language.right.is_none()) {
        return;
    }
    table(html, &[("", false), ("samples that are right", false)], |body| {
        for language in &votes.per_language {
            let Some((right, known)) = language.right else { continue };
            row(body, &language.lang, |line| {
                line.element("td", &[], |cell| share(cell, right, known));
            });
        }
        row(body, "vote", |line| {
            line.element("td", &[("class", "winner")], |cell| share(cell, votes.correct, votes.known));
        });
    });
}

fn sentence(votes: &VoteSummary) -> String {
    let count = |number: usize| measure::count(number as u64);
    let right = if votes.known > 0 {
        let share = votes.correct as f64 / votes.known as f64 * 100.0;
        format!("; {} of {} known answers are right ({share:.1} %)", count(votes.correct), count(votes.known))
    } else {
        String::new()
    };
    format!(
        "{} questions have a winner, from {} samples; {} were tied{right}.",
        count(votes.questions),
        count(votes.ballots),
        count(votes.tied)
    )
}

/// A share as a bar with its number.
pub(super) fn share(html: &mut Html, part: usize, whole: usize) {
    if whole == 0 {
        html.text("-");
        return;
    }
    let percent = part as f64 / whole as f64 * 100.0;
    let style = format!("width:{percent:.1}%");
    html.element("span", &[("class", "bar")], |bar| {
        bar.leaf("i", &[("style", &style)], "");
    });
    html.text(format!(" {percent:.1} %"));
}
