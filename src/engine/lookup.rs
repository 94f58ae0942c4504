//! Finds out whether a stage is done already, once its inputs are known.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Settings, perform::Done};
use crate::{
    artifact::{Artifact, ArtifactKind},
    cache::{Explanation, Ingredients, InputIngredient, Key, Latest, Lookup, StaleReason, Store},
    digest::Digest,
    endpoint::Site,
    failure::{Cause, Failure, bug},
    plan::{Input, Node, Plan},
};

/// What is known of a stage during a run.
#[derive(Default)]
pub(super) struct Known {
    /// Its key and what goes with it, once its inputs are known.
    pub(super) work: Option<Work>,
    /// Its record and artifacts, once it is done.
    pub(super) done: Option<Done>,
    /// Whether it ran here.
    pub(super) ran: bool,
    /// Why it failed.
    pub(super) failure: Option<Failure>,
}

/// A stage whose inputs are known, and what they are.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) key: Key,
    pub(super) explanation: Explanation,
    pub(super) inputs: BTreeMap<String, Artifact>,
    /// The digests of outside files that went into the key.
    pub(super) files: BTreeMap<String, Digest>,
    /// Where inputs lie that are behind an endpoint, by field.
    pub(super) sites: BTreeMap<String, Site>,
    /// Why it is not simply reused.
    pub(super) reasons: Vec<StaleReason>,
}

/// Computes the key of a stage whose inputs are known, and looks it up.
pub(super) fn check(
    plan: &Plan,
    stage: usize,
    stages: &[Known],
    store: &Store,
    settings: &Settings<'_>,
) -> Result<(Work, Lookup), Failure> {
    let node = &plan.nodes()[stage];
    let mut inputs = BTreeMap::new();
    for input in &node.inputs {
        let made = stages[input.node].done.as_ref();
        let artifact = made.and_then(|done| done.artifacts.get(input.output));
        let artifact = artifact.unwrap_or_else(|| bug(format!("input `{}` is not there", input.field)));
        inputs.insert(input.field.clone(), artifact.clone());
    }
    let digest = |(field, path): (&String, &PathBuf)| Ok((field.clone(), store.digest_outside(path)?));
    let files = node.files.iter().map(digest).collect::<Result<BTreeMap<String, Digest>, Failure>>()?;
    if inputs.len() != node.ports.inputs.len() || files.len() != node.ports.files.len() {
        // Two ports under one name would be one ingredient of the key.
        let message = format!("kind `{}` declares two ports with one name", node.stage.entry().name);
        return Err(Failure::new(Cause::Bug, message));
    }
    let uses_runtime = node.stage.entry().uses_runtime(&node.input_kinds());
    let identity = if uses_runtime { Some(settings.runtime.identity()?) } else { None };
    let ingredients = ingredients(node, &inputs, &files, identity);
    let key = ingredients.key();
    let lookup = look(store, node, key)?;
    // A hit has its explanation in its record.
    let needed = !matches!(lookup, Lookup::Hit(..));
    let explanation = if needed { ingredients.explanation() } else { Explanation::default() };
    let site = |input: &Input| Some((input.field.clone(), plan.nodes()[input.node].stage.site()?));
    let sites = node.inputs.iter().filter_map(site).collect();
    Ok((Work { key, explanation, inputs, files, sites, reasons: Vec::new() }, lookup))
}

/// Why the stage `name` is not simply reused.
pub(super) fn reasons(
    store: &Store,
    latest: &Latest,
    name: &str,
    work: &Work,
    lookup: &Lookup,
) -> Vec<StaleReason> {
    if let Lookup::Damaged(remains) = lookup {
        return vec![StaleReason::Damaged { what: remains.what.clone() }];
    }
    let differences = store.differences(latest, name, work.key, &work.explanation);
    // The same work as last time, and yet it is not there.
    if differences.is_empty() { vec![StaleReason::Forgotten] } else { differences }
}

/// What the store knows about a node's work.
pub(super) fn look(store: &Store, node: &Node, key: Key) -> Result<Lookup, Failure> {
    store.lookup(node.stage.entry().name, key, ports(node))
}

/// The names and kinds of a node's outputs.
pub(super) fn ports(node: &Node) -> impl Iterator<Item = (&'static str, ArtifactKind)> + '_ {
    node.ports.outputs.iter().map(|port| (port.name, port.kind))
}

fn ingredients(
    node: &Node,
    inputs: &BTreeMap<String, Artifact>,
    files: &BTreeMap<String, Digest>,
    runtime: Option<String>,
) -> Ingredients {
    let entry = node.stage.entry();
    let fields = node.ports.inputs.iter().map(|port| port.field.as_str());
    let named = fields.chain(node.ports.files.iter().map(|port| port.field.as_str()));
    let in_order = node.ports.inputs.iter().filter_map(|port| Some((port, inputs.get(&port.field)?)));
    Ingredients {
        kind: entry.name.to_owned(),
        version: entry.version,
        outputs: ports(node).map(|(name, kind)| (name.to_owned(), kind.name.to_owned())).collect(),
        settings: Ingredients::own_settings(node.stage.settings(), named),
        inputs: in_order
            .map(|(port, artifact)| InputIngredient {
                field: port.field.clone(),
                kind: artifact.kind.name.to_owned(),
                digest: artifact.digest,
            })
            .collect(),
        files: files.clone(),
        runtime,
    }
}
