//! Connects ports: every reference becomes an edge to one output of the wanted kind.

use std::{collections::BTreeMap, ops::Range};

use super::{build::Draft, settings::subject};
use crate::{
    artifact::ArtifactKind,
    diagnostic::{Diagnostic, closest},
    recipe::{Recipe, settings},
    stage::port::{InputPort, OutputPort},
};

/// An edge: which input reads which output. Nodes are indices into the recipe's list.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    /// The input port's field.
    pub(super) field: String,
    /// The node it reads from.
    pub(super) from: usize,
    /// The output it reads; absent if that node's ports are unknown or do not fit, which is already reported.
    pub(super) output: Option<(&'static str, ArtifactKind)>,
    /// Where the reference is written.
    pub(super) span: Range<usize>,
}

/// The edges into each node, in the order of its ports. References to nothing have no edge.
pub(super) fn wire(
    recipe: &Recipe<'_>,
    drafts: &[Draft<'_, '_>],
    problems: &mut Vec<Diagnostic>,
) -> Vec<Vec<Edge>> {
    let index: BTreeMap<&str, usize> =
        drafts.iter().enumerate().map(|(index, draft)| (draft.node.name.get_ref().as_str(), index)).collect();
    let edges_of = |draft: &Draft<'_, '_>| {
        let inputs = draft.stage.as_ref().map(|(_, ports)| ports.inputs.as_slice()).unwrap_or_default();
        let mut edges = Vec::new();
        for port in inputs {
            let span = reference_span(recipe, draft, port);
            let mut report = |problem: Diagnostic| problems.push(problem.at(recipe.sources.place(&span)));
            let Some(from) = index.get(port.from.node.as_str()).copied() else {
                report(unknown_node(draft, port, index.keys().copied()));
                continue;
            };
            let source = drafts.get(from).and_then(|draft| draft.stage.as_ref());
            let output = source.and_then(|(_, ports)| match choose(draft, port, &ports.outputs) {
                Ok(output) => Some((output.name, output.kind)),
                Err(problem) => {
                    report(problem);
                    None
                }
            });
            edges.push(Edge { field: port.field.clone(), from, output, span: span.clone() });
        }
        edges
    };
    drafts.iter().map(edges_of).collect()
}

/// The output that a reference means.
fn choose<'o>(
    draft: &Draft<'_, '_>,
    port: &InputPort,
    outputs: &'o [OutputPort],
) -> Result<&'o OutputPort, Diagnostic> {
    let (reader, source, wanted) = (subject(draft.node), &port.from.node, port.wanted());
    let all: Vec<String> = outputs.iter().map(shown).collect();
    let listed = format!("outputs of `{source}`: {}", all.join(", "));
    let written: Vec<&str> = outputs.iter().map(|output| output.name).collect();
    if let Some(name) = &port.from.output {
        let Some(output) = outputs.iter().find(|output| output.name == name) else {
            let message = format!("{reader} reads `{name}`, but `{source}` writes {}", words(&written));
            let hint = match closest(name, written.iter().copied()) {
                Some(near) => format!("did you mean `{source}.{near}`? {listed}"),
                None => listed,
            };
            return Err(Diagnostic::error(message).label("no such output").hint(hint));
        };
        if port.takes(output.kind) {
            return Ok(output);
        }
        let message = format!(
            "{reader} reads {wanted} from `{}`, but `{source}.{name}` is {}",
            port.field, output.kind.name
        );
        return Err(Diagnostic::error(message).label(format!("not {wanted}")).hint(listed));
    }
    let fitting: Vec<&OutputPort> = outputs.iter().filter(|output| port.takes(output.kind)).collect();
    match fitting.as_slice() {
        [output] => Ok(output),
        [] => {
            let message = format!(
                "{reader} reads {wanted} from `{}`, but `{source}` writes {}",
                port.field,
                words(&written)
            );
            Err(Diagnostic::error(message).label(format!("no {wanted} here")).hint(listed))
        }
        several => {
            let names: Vec<String> =
                several.iter().map(|output| format!("`{source}.{}`", output.name)).collect();
            let message =
                format!("{reader} reads {wanted} from `{}`, but `{source}` writes several", port.field);
            let hint = format!("name one of: {}", names.join(", "));
            Err(Diagnostic::error(message).label("which one?").hint(hint))
        }
    }
}

fn shown(output: &OutputPort) -> String {
    if output.name == output.kind.name {
        output.name.to_owned()
    } else {
        format!("{} ({})", output.name, output.kind.name)
    }
}

fn words(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "nothing".to_owned() } else { quoted.join(", ") }
}

fn unknown_node<'n>(
    draft: &Draft<'_, '_>,
    port: &InputPort,
    known: impl Iterator<Item = &'n str>,
) -> Diagnostic {
    let name = &port.from.node;
    let own = draft.node.name.get_ref();
    let known: Vec<&str> = known.filter(|known| known != own).collect();
    let listed = if known.is_empty() {
        "the recipe has no other node".to_owned()
    } else {
        format!("nodes of the recipe: {}", known.join(", "))
    };
    let hint = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => listed,
    };
    let message = format!("{} reads from `{name}`, which is not in the recipe", subject(draft.node));
    Diagnostic::error(message).label("unknown node").hint(hint)
}

/// Where a reference is written, without its quotes; the node's header if a default says it.
fn reference_span(recipe: &Recipe<'_>, draft: &Draft<'_, '_>, port: &InputPort) -> Range<usize> {
    let Some(span) = settings::value_span(draft.node.settings.get_ref(), &port.field) else {
        return draft.node.name.span();
    };
    let text = recipe.sources.text(&span);
    let quoted = [format!("\"{}\"", port.from), format!("'{}'", port.from)];
    if quoted.iter().any(|quoted| quoted == text) { span.start + 1..span.end - 1 } else { span }
}
