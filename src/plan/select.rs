//! Runs a part of a plan: some nodes and everything they need.

use std::collections::BTreeSet;

use petgraph::graph::{DiGraph, NodeIndex};

use super::{Input, Node, Plan};
use crate::diagnostic::{Diagnostic, closest};

impl Plan {
    /// The plan of the nodes called `names` and of everything they need, in the same order.
    ///
    /// Fails with one diagnostic for each name that the plan does not have.
    pub fn select(&self, names: &[String]) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut wanted = BTreeSet::new();
        let mut waiting = Vec::new();
        for name in names {
            match self.find(name) {
                Some(index) => waiting.push(index),
                None => problems.push(self.unknown(name)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        while let Some(index) = waiting.pop() {
            if wanted.insert(index) {
                waiting.extend(self.dependencies(index));
            }
        }
        Ok(self.restricted(&wanted))
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let known: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let hint = match closest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("nodes of the recipe: {}", known.join(", ")),
        };
        Diagnostic::error(format!("the recipe has no node `{name}`")).hint(hint)
    }

    fn restricted(&self, wanted: &BTreeSet<usize>) -> Self {
        let kept: Vec<usize> = wanted.iter().copied().collect();
        let at = |old: usize| kept.binary_search(&old).ok();
        let mut edges = DiGraph::new();
        let mut nodes = Vec::with_capacity(kept.len());
        for node in kept.iter().filter_map(|old| self.nodes.get(*old)) {
            edges.add_node(());
            let moved = |input: &Input| Some(Input { node: at(input.node)?, ..input.clone() });
            nodes.push(Node { inputs: node.inputs.iter().filter_map(moved).collect(), ..node.clone() });
        }
        for edge in self.edges.raw_edges() {
            if let (Some(from), Some(to)) = (at(edge.source().index()), at(edge.target().index())) {
                edges.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
            }
        }
        let (name, description) = (self.name.clone(), self.description.clone());
        Self { name, description, warnings: self.warnings.clone(), nodes, edges }
    }
}
