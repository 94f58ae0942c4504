//! Puts nodes into an order in which they can run, or prints the cycle that forbids it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
};

use petgraph::{
    Direction,
    algo::tarjan_scc,
    graph::{DiGraph, NodeIndex},
};

use super::{Input, Node, build::Draft, wire::Edge};
use crate::{
    diagnostic::Diagnostic,
    failure::bug,
    recipe::{Recipe, settings::value_span},
    stage::port::FilePort,
};

/// Reports every group of nodes that read from each other in a circle.
pub(super) fn reject_cycles(
    recipe: &Recipe<'_>,
    drafts: &[Draft<'_, '_>],
    wiring: &[Vec<Edge>],
    problems: &mut Vec<Diagnostic>,
) {
    for group in tarjan_scc(&graph(wiring)) {
        let group: BTreeSet<usize> = group.into_iter().map(NodeIndex::index).collect();
        let Some(first) = group.first().copied() else { continue };
        let Some(cycle) = shortest_cycle(first, &group, wiring) else { continue };
        let name = |index: usize| drafts.get(index).map_or("", |draft| draft.node.name.get_ref());
        let path: Vec<String> = cycle.iter().map(|index| format!("`{}`", name(*index))).collect();
        let reads = wiring.get(first).into_iter().flatten().find(|edge| Some(&edge.from) == cycle.get(1));
        let span = reads.map(|edge| edge.span.clone()).unwrap_or_default();
        let message = format!("nodes read from each other in a circle: {}", path.join(" <- "));
        let problem = Diagnostic::error(message).at(recipe.sources.place(&span));
        problems
            .push(problem.label("closes the circle").hint("`a <- b` means that `a` reads what `b` writes"));
    }
}

fn graph(wiring: &[Vec<Edge>]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::with_capacity(wiring.len(), wiring.len() * 2);
    for _ in wiring {
        graph.add_node(());
    }
    for (to, edges) in wiring.iter().enumerate() {
        for edge in edges {
            graph.update_edge(NodeIndex::new(edge.from), NodeIndex::new(to), ());
        }
    }
    graph
}

/// A shortest way from `start` along its inputs back to itself, within `group`; `None` if there is none.
fn shortest_cycle(start: usize, group: &BTreeSet<usize>, wiring: &[Vec<Edge>]) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(at) = waiting.pop_front() {
        for edge in wiring.get(at).into_iter().flatten() {
            if edge.from == start {
                let mut path = vec![at];
                while let Some(previous) = path.last().and_then(|last| came_from.get(last)) {
                    path.push(*previous);
                }
                path.reverse();
                path.push(start);
                return Some(path);
            }
            if group.contains(&edge.from) && !came_from.contains_key(&edge.from) {
                came_from.insert(edge.from, at);
                waiting.push_back(edge.from);
            }
        }
    }
    None
}

/// The nodes in an order in which they can run (among those that could come next, the first in the text comes first),
/// and the edges between them. The recipe must be free of problems.
pub(super) fn arrange(
    recipe: &Recipe<'_>,
    drafts: Vec<Draft<'_, '_>>,
    wiring: Vec<Vec<Edge>>,
) -> (Vec<Node>, DiGraph<(), ()>) {
    let written = graph(&wiring);
    let order = topological(&written);
    let mut position = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(slot) = position.get_mut(*old) {
            *slot = new;
        }
    }
    let at = |old: usize| position.get(old).copied().unwrap_or_else(|| bug("an edge to no node"));
    let mut edges = DiGraph::with_capacity(order.len(), written.edge_count());
    for _ in &order {
        edges.add_node(());
    }
    let mut pending: Vec<_> = written.raw_edges().iter().map(|edge| (edge.source(), edge.target())).collect();
    pending.sort_unstable();
    for (from, to) in pending {
        edges.add_edge(NodeIndex::new(at(from.index())), NodeIndex::new(at(to.index())), ());
    }
    let mut nodes: Vec<(usize, Node)> = Vec::with_capacity(order.len());
    for (old, (draft, incoming)) in drafts.into_iter().zip(wiring).enumerate() {
        nodes.push((at(old), finished(recipe, draft, incoming, &at)));
    }
    nodes.sort_by_key(|(position, _)| *position);
    (nodes.into_iter().map(|(_, node)| node).collect(), edges)
}

fn finished(
    recipe: &Recipe<'_>,
    draft: Draft<'_, '_>,
    incoming: Vec<Edge>,
    at: &dyn Fn(usize) -> usize,
) -> Node {
    let Some((stage, ports)) = draft.stage else { bug("a stage without settings got past the checks") };
    let input = |edge: Edge| {
        let Some((output, kind)) = edge.output else { bug("an input without a source got past the checks") };
        Input { field: edge.field, node: at(edge.from), output, kind }
    };
    let folder = |field: &str| {
        let span = value_span(draft.node.settings.get_ref(), field);
        recipe.sources.folder(&span.unwrap_or_else(|| draft.node.name.span()))
    };
    let path = |file: &FilePort| match file.hub {
        Some(_) => file.path.clone(),
        None => folder(&file.field).join(&file.path),
    };
    let files = ports.files.iter().map(|file| (file.field.clone(), path(file))).collect();
    Node {
        name: draft.node.name.get_ref().clone(),
        section: draft.node.section,
        stage,
        inputs: incoming.into_iter().map(input).collect(),
        files,
        ports,
    }
}

/// Kahn's algorithm; of all nodes that are ready the smallest index comes first.
fn topological(graph: &DiGraph<(), ()>) -> Vec<usize> {
    let mut missing: Vec<usize> = graph
        .node_indices()
        .map(|node| graph.neighbors_directed(node, Direction::Incoming).count())
        .collect();
    let ready = missing.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|(node, _)| Reverse(node)).collect();
    let mut order = Vec::with_capacity(missing.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for next in graph.neighbors_directed(NodeIndex::new(node), Direction::Outgoing) {
            let Some(count) = missing.get_mut(next.index()) else { continue };
            *count -= 1;
            if *count == 0 {
                ready.push(Reverse(next.index()));
            }
        }
    }
    order
}
