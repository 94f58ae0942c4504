//! Draws the plan as an inline SVG: one box per node with its kind, state and time, arrows along the data.
//!
//! Nodes stand in columns by their distance from the first inputs; within a column they stand near what they read.

use super::{
    html::Html,
    page::{NodeState, NodeView},
};

const BOX: (f64, f64) = (148.0, 46.0);
const GAP: (f64, f64) = (44.0, 16.0);
const MARGIN: f64 = 8.0;
/// Characters of a name that fit into a box.
const NAME_WIDTH: usize = 19;

/// The drawing.
pub fn draw(html: &mut Html, nodes: &[NodeView]) {
    let places = layout(nodes);
    let (width, height) = places.iter().fold((0.0_f64, 0.0_f64), |(width, height), (x, y)| {
        (width.max(x + BOX.0 + MARGIN), height.max(y + BOX.1 + MARGIN))
    });
    let view = format!("0 0 {width} {height}");
    let style = format!("width:{width}px");
    let attributes = [
        ("class", "dag"),
        ("viewBox", view.as_str()),
        ("style", style.as_str()),
        ("role", "img"),
        ("aria-label", "the stages and what they read"),
    ];
    html.element("svg", &attributes, |svg| {
        for (index, node) in nodes.iter().enumerate() {
            for &from in node.inputs.iter().filter(|from| **from < places.len()) {
                arrow(svg, places[from], places[index]);
            }
        }
        for (node, place) in nodes.iter().zip(&places) {
            block(svg, node, *place);
        }
    });
}

/// Where each node's box begins.
fn layout(nodes: &[NodeView]) -> Vec<(f64, f64)> {
    let mut columns: Vec<usize> = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let after = node.inputs.iter().filter(|from| **from < index).map(|from| columns[*from] + 1);
        columns.push(after.max().unwrap_or(0));
    }
    pull_sources(nodes, &mut columns);
    let mut rows = vec![0.0_f64; nodes.len()];
    for column in 0..=columns.iter().copied().max().unwrap_or(0) {
        let mut members: Vec<usize> = (0..nodes.len()).filter(|index| columns[*index] == column).collect();
        let wish = |index: usize| {
            let inputs: Vec<f64> =
                nodes[index].inputs.iter().filter(|from| **from < index).map(|from| rows[*from]).collect();
            if inputs.is_empty() {
                index as f64 * 1e-3
            } else {
                inputs.iter().sum::<f64>() / inputs.len() as f64
            }
        };
        let wishes: Vec<f64> = (0..nodes.len()).map(wish).collect();
        members.sort_by(|a, b| wishes[*a].total_cmp(&wishes[*b]).then(a.cmp(b)));
        let mut next = 0.0_f64;
        for member in members {
            rows[member] = next.max(wishes[member].round());
            next = rows[member] + 1.0;
        }
    }
    let place = |index: usize| {
        (MARGIN + columns[index] as f64 * (BOX.0 + GAP.0), MARGIN + rows[index] * (BOX.1 + GAP.1))
    };
    (0..nodes.len()).map(place).collect()
}

/// Moves nodes that read nothing next to their first reader, so that no arrow crosses the whole drawing.
fn pull_sources(nodes: &[NodeView], columns: &mut [usize]) {
    for index in 0..nodes.len() {
        if nodes[index].inputs.is_empty() {
            let readers = (0..nodes.len()).filter(|reader| nodes[*reader].inputs.contains(&index));
            if let Some(first) = readers.map(|reader| columns[reader]).min() {
                columns[index] = first.saturating_sub(1);
            }
        }
    }
}

fn arrow(svg: &mut Html, from: (f64, f64), to: (f64, f64)) {
    let (x0, y0) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0);
    let (x1, y1) = (to.0, to.1 + BOX.1 / 2.0);
    let bend = ((x1 - x0) / 2.0).clamp(GAP.0 / 2.0, GAP.0);
    let path = format!("M{x0} {y0}C{} {y0} {} {y1} {x1} {y1}", x0 + bend, x1 - bend);
    svg.void("path", &[("class", "arrow"), ("d", &path)]);
    let head = format!("M{x1} {y1}l-6 -3.5v7z");
    svg.void("path", &[("class", "head"), ("d", &head)]);
}

fn block(svg: &mut Html, node: &NodeView, (x, y): (f64, f64)) {
    let class = format!("node {}", node.state.name());
    svg.element("g", &[("class", &class)], |group| {
        group.leaf("title", &[], tooltip(node));
        let (x_text, y_text) = (x.to_string(), y.to_string());
        let (width, height) = (BOX.0.to_string(), BOX.1.to_string());
        group.void(
            "rect",
            &[("x", &x_text), ("y", &y_text), ("width", &width), ("height", &height), ("rx", "7")],
        );
        let (left, first, second) = ((x + 10.0).to_string(), (y + 19.0).to_string(), (y + 36.0).to_string());
        group.leaf("text", &[("class", "name"), ("x", &left), ("y", &first)], shortened(&node.name));
        group.leaf("text", &[("class", "what"), ("x", &left), ("y", &second)], &node.kind);
        let right = (x + BOX.0 - 10.0).to_string();
        group.leaf(
            "text",
            &[("class", "time"), ("x", &right), ("y", &second), ("text-anchor", "end")],
            state_text(node),
        );
    });
}

fn state_text(node: &NodeView) -> String {
    match (node.state, node.seconds) {
        (NodeState::Finished, Some(seconds)) => super::measure::duration(seconds),
        (state, _) => state.name().to_owned(),
    }
}

fn tooltip(node: &NodeView) -> String {
    let reason = node.reason.as_ref().map(|reason| format!("\n{reason}")).unwrap_or_default();
    format!("{} ({}): {}{reason}", node.name, node.kind, node.state.name())
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.to_owned();
    }
    name.chars().take(NAME_WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, inputs: &[usize]) -> NodeView {
        NodeView { name: name.into(), inputs: inputs.to_vec(), ..NodeView::default() }
    }

    #[test]
    fn no_two_boxes_overlap_and_arrows_go_right() {
        let nodes = [
            node("a", &[]),
            node("b", &[0]),
            node("c", &[0]),
            node("d", &[1, 2]),
            node("e", &[]),
            node("f", &[3, 4]),
        ];
        let places = layout(&nodes);
        for (index, (x, y)) in places.iter().enumerate() {
            for (other_x, other_y) in &places[..index] {
                let apart = (x - other_x).abs() >= BOX.0 || (y - other_y).abs() >= BOX.1;
                assert!(apart, "{places:?}");
            }
            for from in &nodes[index].inputs {
                assert!(places[*from].0 < *x, "{places:?}");
            }
        }
        assert_eq!(places[4].0, places[3].0, "a source stands beside what its reader reads");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(40)).chars().count(), NAME_WIDTH);
    }
}
