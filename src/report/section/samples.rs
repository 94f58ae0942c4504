//! A few questions with what was sampled in every language and what won.

use super::votes::share;
use crate::{
    artifact::row::vote::Ballot,
    report::{
        content::{ReportContent, SampleQuestion},
        html::Html,
    },
};

/// The sample questions of a report, each folded.
pub fn write(html: &mut Html, content: &ReportContent) {
    if content.samples.is_empty() {
        return;
    }
    html.leaf("h3", &[], "Sampled answers");
    for (index, question) in content.samples.iter().enumerate() {
        let open: &[(&str, &str)] =
            if index == 0 { &[("class", "card"), ("open", "")] } else { &[("class", "card")] };
        html.element("details", open, |details| {
            details.element("summary", &[], |summary| heading(summary, question));
            counts(details, question);
            ballots(details, question);
        });
    }
}

fn heading(html: &mut Html, question: &SampleQuestion) {
    let wording = question.wordings.first().map_or(question.id.as_str(), |wording| wording.question.as_str());
    html.leaf("bdi", &[("dir", "auto")], wording).text(" → ");
    html.leaf("strong", &[("dir", "auto")], &question.answer).text(" ");
    match question.correct {
        Some(true) => {
            html.leaf("span", &[("class", "chip good")], "right");
        }
        Some(false) => {
            html.leaf("span", &[("class", "chip bad")], "wrong");
        }
        None => {}
    }
}

fn counts(html: &mut Html, question: &SampleQuestion) {
    let all: usize = question.counts.iter().map(|(_, count)| count).sum();
    html.element("table", &[], |table| {
        for (answer, count) in &question.counts {
            table.element("tr", &[], |row| {
                row.leaf("td", &[("dir", "auto")], answer).leaf("td", &[("class", "n")], count);
                row.element("td", &[], |cell| share(cell, *count, all));
            });
        }
    });
}

fn ballots(html: &mut Html, question: &SampleQuestion) {
    html.element("div", &[("class", "scroll")], |scroll| {
        scroll.element("table", &[], |table| {
            table.element("tr", &[], |head| {
                for name in ["", "question", "right", "sampled"] {
                    head.leaf("th", &[], name);
                }
            });
            for wording in &question.wordings {
                table.element("tr", &[], |row| {
                    row.leaf("th", &[], &wording.lang);
                    row.leaf("td", &[("dir", "auto")], &wording.question);
                    row.leaf("td", &[("dir", "auto")], &wording.right);
                    row.element("td", &[], |cell| {
                        let own = question.ballots.iter().filter(|ballot| ballot.lang == wording.lang);
                        sampled(cell, own, &question.answer);
                    });
                });
            }
        });
    });
}

fn sampled<'a>(html: &mut Html, ballots: impl Iterator<Item = &'a Ballot>, winner: &str) {
    html.element("ul", &[("class", "plain")], |list| {
        for ballot in ballots {
            let agrees = ballot.answer == winner;
            list.element("li", &[("class", if agrees { "good" } else { "bad" })], |item| {
                item.text(if agrees { "✓ " } else { "✗ " });
                item.leaf("bdi", &[("dir", "auto")], ballot.completion.trim());
            });
        }
    });
}
