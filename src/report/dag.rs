//! Draws the plan as an inline SVG: one box per node with its kind, state and time, arrows along the data.

use super::{
    html::Html,
    layered::{Measures, layout},
    measure,
    page::{NodeState, NodeView},
};

const MEASURES: Measures = Measures { node: (150.0, 46.0), gap: (18.0, 30.0), lane: 14.0 };
const MARGIN: f64 = 6.0;
/// Characters of a name that fit into a box.
const NAME_WIDTH: usize = 19;
/// Plans with more nodes than this are a table only.
const MOST_NODES: usize = 150;

/// The drawing. Nothing when there is nothing to see, or too much.
pub fn draw(html: &mut Html, nodes: &[NodeView]) {
    if nodes.is_empty() || nodes.len() > MOST_NODES {
        return;
    }
    let inputs: Vec<Vec<usize>> = nodes.iter().map(|node| node.inputs.clone()).collect();
    let layout = layout(&inputs, MEASURES);
    let (width, height) = (layout.size.0 + 2.0 * MARGIN, layout.size.1 + 2.0 * MARGIN);
    let view = format!("{} {} {width} {height}", -MARGIN, -MARGIN);
    let style = format!("width:{width}px");
    let attributes = [
        ("class", "dag"),
        ("viewBox", view.as_str()),
        ("style", style.as_str()),
        ("role", "img"),
        ("aria-label", "the stages and what they read"),
    ];
    html.element("svg", &attributes, |svg| {
        for arrow in &layout.arrows {
            draw_arrow(svg, arrow);
        }
        for (node, place) in nodes.iter().zip(&layout.nodes) {
            draw_node(svg, node, *place);
        }
    });
}

fn draw_arrow(svg: &mut Html, points: &[(f64, f64)]) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let begin = format!("M{} {}", first.0, first.1);
    let rest = points.windows(2).map(|pair| {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let half = f64::midpoint(y0, y1);
        format!("C{x0} {half} {x1} {half} {x1} {y1}")
    });
    let path: String = std::iter::once(begin).chain(rest).collect();
    svg.void("path", &[("class", "arrow"), ("d", &path)]);
    svg.void("path", &[("class", "head"), ("d", &format!("M{} {}l-3.5 -6.5h7z", last.0, last.1))]);
}

fn draw_node(svg: &mut Html, node: &NodeView, (x, y): (f64, f64)) {
    let class = format!("node {}", node.state.name());
    let (width, height) = MEASURES.node;
    svg.element("g", &[("class", &class)], |group| {
        group.leaf("title", &[], tooltip(node));
        let (left, top) = (x.to_string(), y.to_string());
        let (width_text, height_text) = (width.to_string(), height.to_string());
        group.void(
            "rect",
            &[("x", &left), ("y", &top), ("width", &width_text), ("height", &height_text), ("rx", "7")],
        );
        let (left, right) = ((x + 10.0).to_string(), (x + width - 10.0).to_string());
        let (first, second) = ((y + 19.0).to_string(), (y + 36.0).to_string());
        group.leaf("text", &[("class", "name"), ("x", &left), ("y", &first)], shortened(&node.name));
        group.leaf("text", &[("class", "what"), ("x", &left), ("y", &second)], &node.kind);
        let time = [("class", "time"), ("x", right.as_str()), ("y", second.as_str()), ("text-anchor", "end")];
        group.leaf("text", &time, state_text(node));
    });
}

fn state_text(node: &NodeView) -> String {
    match (node.state, node.seconds) {
        (NodeState::Finished, Some(seconds)) => measure::duration(seconds),
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

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(40)).chars().count(), NAME_WIDTH);
    }

    #[test]
    fn a_plan_too_large_to_see_is_not_drawn() {
        let drawn = |count: usize| {
            let mut html = Html::new();
            draw(&mut html, &vec![NodeView::default(); count]);
            html.finish()
        };
        assert!(drawn(3).contains("<svg"));
        assert_eq!(drawn(0), "");
        assert_eq!(drawn(MOST_NODES + 1), "");
    }
}
