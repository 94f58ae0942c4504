//! Turns a recipe and the table of kinds into a checked DAG.
//!
//! In: a [`Recipe`](crate::recipe::Recipe), whose settings are still tables, and the table of kinds. Out: a [`Plan`],
//! in which every stage has its settings, every reference is an edge to an output of the right kind, and there are no
//! cycles; or everything that is wrong, sorted by position.
//!
//! ```text
//! plan::load(path, overrides, KINDS)
//!   Sources::read -> recipe::parse -> build: settings -> wiring -> order -> Plan
//! ```
//!
//! # Invariants
//! - The table of kinds comes as an argument; nothing here knows a kind by name, so that tests plan with toy kinds.
//! - The order of nodes is a function of the recipe's text alone.

mod build;
mod order;
pub mod schema;
mod select;
mod settings;
mod show;
mod wire;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use petgraph::{
    Direction,
    graph::{DiGraph, NodeIndex},
};

pub use build::build;

use crate::{
    artifact::ArtifactKind,
    diagnostic::Diagnostic,
    recipe::{self, Section, Sources},
    stage::{
        contract::{Entry, Stage},
        port::Ports,
    },
};

/// A recipe ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The recipe's name.
    pub name: String,
    /// The recipe's description; may be empty.
    pub description: String,
    /// What looks like an oversight but stops nothing.
    pub warnings: Vec<Diagnostic>,
    nodes: Vec<Node>,
    /// An edge from each node to each node that reads from it; indices are those of `nodes`.
    edges: DiGraph<(), ()>,
}

/// A stage, wired.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name in the recipe.
    pub name: String,
    /// The section it stands in.
    pub section: Section,
    /// The stage, with its settings.
    pub stage: Arc<dyn Stage>,
    /// What it reads and writes.
    pub ports: Ports,
    /// Where each input comes from, in the order of the ports.
    pub inputs: Vec<Input>,
    /// Files from outside by field name, as paths from the current folder.
    pub files: BTreeMap<String, PathBuf>,
}

/// Where an input of a node comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The input port's field.
    pub field: String,
    /// The index of the node that makes it.
    pub node: usize,
    /// The output of that node.
    pub output: &'static str,
    /// What it is.
    pub kind: ArtifactKind,
}

impl Node {
    /// The kinds of its inputs, in the order of the ports.
    pub fn input_kinds(&self) -> Vec<ArtifactKind> {
        self.inputs.iter().map(|input| input.kind).collect()
    }
}

impl Plan {
    /// All nodes. A node comes after every node that it reads from; otherwise the order is that of the text.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Says where the folder of a model from a hub lies, once that is known.
    pub fn place(&mut self, node: usize, field: &str, path: PathBuf) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.files.insert(field.to_owned(), path);
        }
    }

    /// The index of the node called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The nodes that `node` reads from, ascending, each once.
    pub fn dependencies(&self, node: usize) -> Vec<usize> {
        self.neighbours(node, Direction::Incoming)
    }

    /// The nodes that read from `node`, ascending, each once.
    pub fn dependants(&self, node: usize) -> Vec<usize> {
        self.neighbours(node, Direction::Outgoing)
    }

    fn neighbours(&self, node: usize, direction: Direction) -> Vec<usize> {
        let found = self.edges.neighbors_directed(NodeIndex::new(node), direction);
        let mut found: Vec<usize> = found.map(NodeIndex::index).collect();
        found.sort_unstable();
        found
    }
}

/// Reads a recipe file, applies the overrides (`path=value`) and plans it.
///
/// Returns every mistake at once, sorted by position; warnings of a good recipe are in [`Plan::warnings`].
pub fn load(path: &Path, overrides: &[String], kinds: &'static [Entry]) -> Result<Plan, Vec<Diagnostic>> {
    let sources = Sources::read(path, overrides).map_err(|problem| vec![problem])?;
    build(&recipe::parse(&sources)?, kinds)
}
