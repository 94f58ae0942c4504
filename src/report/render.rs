//! Puts a page together: head, numbers, curves, votes, what ran, where it came from.

use super::{
    content::ReportContent,
    html::Html,
    measure,
    page::{NodeState, RunView},
    section::{
        against, certainty, defaults, deltas, heatmap, metrics, published, run, safety, samples, training,
        votes,
    },
};

/// Light and dark, narrow and wide, and paper.
const STYLE: &str = include_str!("page.css");

/// The page as one self-contained HTML document.
pub fn page(view: &RunView, contents: &[ReportContent]) -> String {
    let mut html = Html::new();
    html.trusted("<!doctype html>\n");
    html.element("html", &[("lang", "en")], |root| {
        root.element("head", &[], |head| {
            head.void("meta", &[("charset", "utf-8")]);
            head.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            head.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            head.leaf("title", &[], format!("{} · chorale", view.recipe));
            head.element("style", &[], |style| {
                style.trusted(STYLE);
            });
        });
        root.element("body", &[], |body| {
            masthead(body, view);
            for content in contents {
                report(body, content);
            }
            run::stages(body, view);
            run::origin(body, view);
            defaults::write(body, view);
            body.element("footer", &[], |footer| {
                footer.text("Written by chorale. Run ").leaf("code", &[], &view.run).text(".");
            });
        });
    });
    html.finish()
}

fn masthead(html: &mut Html, view: &RunView) {
    html.leaf("h1", &[("dir", "auto")], &view.recipe);
    html.element("p", &[("class", "facts")], |line| {
        let class = if view.status == "succeeded" { "good" } else { "bad" };
        line.leaf("span", &[("class", class)], &view.status);
        line.leaf("span", &[], &view.started);
        line.leaf("span", &[], view.seconds.map(measure::duration).unwrap_or_default());
        for state in [
            NodeState::Finished,
            NodeState::Cached,
            NodeState::Failed,
            NodeState::Blocked,
            NodeState::Stopped,
        ] {
            let count = view.nodes.iter().filter(|node| node.state == state).count();
            if count > 0 {
                line.leaf("span", &[], format!("{count} {}", state.name()));
            }
        }
    });
}

fn report(html: &mut Html, content: &ReportContent) {
    html.leaf("h2", &[("dir", "auto")], &content.title);
    metrics::headline(html, content);
    published::write(html, content);
    deltas::write(html, content);
    metrics::per_language(html, content);
    against::write(html, content);
    safety::write(html, content);
    certainty::write(html, content);
    heatmap::write(html, content);
    training::write(html, content);
    votes::write(html, content);
    samples::write(html, content);
}
