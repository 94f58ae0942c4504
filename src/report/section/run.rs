//! What ran: the plan as a drawing, every stage with its state, the recipe's text and the versions.

use crate::report::{
    dag,
    html::Html,
    measure,
    page::{NodeState, NodeView, RunView},
};

/// The plan as a drawing, and a line per stage.
pub fn stages(html: &mut Html, run: &RunView) {
    html.leaf("h2", &[("id", "run")], "What ran");
    html.element("div", &[("class", "scroll")], |scroll| dag::draw(scroll, &run.nodes));
    html.leaf("p", &[("class", "muted")], "Arrows that follow from others are left out.");
    for node in run.nodes.iter().filter(|node| node.failure.is_some()) {
        html.element("p", &[], |line| {
            line.leaf("span", &[("class", "chip bad")], "failed").text(" ");
            line.leaf("code", &[], &node.name).text(": ").text(node.failure.as_deref().unwrap_or_default());
        });
    }
    html.element("details", &[("class", "card")], |details| {
        details.leaf("summary", &[], "All stages");
        details.element("div", &[("class", "scroll")], |scroll| {
            scroll.element("table", &[], |table| {
                table.element("tr", &[], |head| {
                    head.leaf("th", &[], "stage").leaf("th", &[], "kind").leaf("th", &[], "state");
                    head.leaf("th", &[("class", "n")], "time").leaf("th", &[], "wrote").leaf(
                        "th",
                        &[],
                        "why, and notes",
                    );
                });
                for node in &run.nodes {
                    stage(table, node);
                }
            });
        });
    });
}

fn stage(html: &mut Html, node: &NodeView) {
    let class = match node.state {
        NodeState::Finished => "good",
        NodeState::Failed => "bad",
        NodeState::Cached | NodeState::Waiting => "muted",
        NodeState::Blocked | NodeState::Stopped => "warn",
    };
    html.element("tr", &[], |row| {
        row.element("td", &[], |cell| {
            cell.leaf("code", &[], &node.name);
        });
        row.leaf("td", &[], &node.kind).leaf("td", &[("class", class)], node.state.name());
        row.leaf("td", &[("class", "n")], node.seconds.map(measure::duration).unwrap_or_default());
        row.leaf("td", &[], node.wrote.join(", "));
        row.element("td", &[], |cell| {
            for (index, line) in node.reason.iter().chain(&node.notes).enumerate() {
                if index > 0 {
                    cell.void("br", &[]);
                }
                cell.leaf("span", &[("dir", "auto")], line);
            }
        });
    });
}

/// The recipe's text and the versions of everything that took part.
pub fn origin(html: &mut Html, run: &RunView) {
    html.leaf("h2", &[("id", "recipe")], "Recipe and versions");
    html.element("table", &[], |table| {
        for (name, value) in &run.facts {
            table.element("tr", &[], |row| {
                row.leaf("th", &[], name).element("td", &[], |cell| {
                    cell.leaf("code", &[], value);
                });
            });
        }
    });
    html.element("details", &[("class", "card"), ("open", "")], |details| {
        details.element("summary", &[], |summary| {
            summary.leaf("code", &[], &run.recipe_path);
        });
        details.leaf("pre", &[("dir", "ltr")], &run.recipe_text);
    });
}
