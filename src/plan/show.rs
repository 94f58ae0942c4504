//! Stable texts of a plan: for people, for scripts, for Graphviz.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Node, Plan};
use crate::stage::contract::Load;

impl Plan {
    /// One block per node, in running order: name, kind, where its inputs come from, what it writes.
    pub fn text(&self) -> String {
        let width = |of: fn(&Node) -> usize| self.nodes.iter().map(of).max().unwrap_or(0);
        let (names, kinds) = (width(|node| node.name.len()), width(|node| node.stage.entry().name.len()));
        let mut text = format!("{}: {}\n", self.name, count(self.nodes.len(), "node"));
        for node in &self.nodes {
            let outputs: Vec<&str> = node.ports.outputs.iter().map(|output| output.name).collect();
            let kind = node.stage.entry().name;
            put(
                &mut text,
                format_args!("  {:names$}  {kind:kinds$}  -> {}\n", node.name, outputs.join(", ")),
            );
            let indent = names + kinds + 6;
            for input in &node.inputs {
                let from = self.nodes.get(input.node).map_or("", |node| node.name.as_str());
                put(&mut text, format_args!("{:indent$}<- {from}.{} ({})\n", "", input.output, input.field));
            }
            for (field, path) in &node.files {
                put(&mut text, format_args!("{:indent$}<- {} ({field})\n", "", path.display()));
            }
        }
        text
    }

    /// `{recipe, description, nodes: [{name, section, kind, version, load, inputs, files, outputs, settings}]}`.
    pub fn json(&self) -> Value {
        let nodes: Vec<Value> = self.nodes.iter().map(|node| self.node_json(node)).collect();
        json!({ "recipe": self.name, "description": self.description, "nodes": nodes })
    }

    fn node_json(&self, node: &Node) -> Value {
        let entry = node.stage.entry();
        let load = match entry.load(&node.input_kinds()) {
            Load::Light => "light",
            Load::Heavy => "heavy",
        };
        let inputs: serde_json::Map<String, Value> = node
            .inputs
            .iter()
            .map(|input| {
                let from = self.nodes.get(input.node).map_or("", |node| node.name.as_str());
                let value = json!({ "node": from, "output": input.output, "artifact": input.kind.name });
                (input.field.clone(), value)
            })
            .collect();
        let outputs: Vec<Value> = node
            .ports
            .outputs
            .iter()
            .map(|output| json!({ "name": output.name, "artifact": output.kind.name }))
            .collect();
        json!({
            "name": node.name,
            "section": node.section.name(),
            "kind": entry.name,
            "version": entry.version,
            "load": load,
            "inputs": inputs,
            "files": node.files,
            "outputs": outputs,
            "settings": node.stage.settings(),
        })
    }

    /// The DAG in the language of Graphviz: `chorale plan --dot RECIPE | dot -Tsvg`.
    pub fn dot(&self) -> String {
        let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(&self.name));
        for node in &self.nodes {
            let label = quoted(&format!("{}\n{}", node.name, node.stage.entry().name));
            put(&mut text, format_args!("  {} [label={label}];\n", quoted(&node.name)));
        }
        for node in &self.nodes {
            for input in &node.inputs {
                let from = self.nodes.get(input.node).map_or("", |node| node.name.as_str());
                let label = quoted(input.output);
                let (from, to) = (quoted(from), quoted(&node.name));
                put(&mut text, format_args!("  {from} -> {to} [label={label}];\n"));
            }
        }
        text.push_str("}\n");
        text
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A string of the DOT language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "writing to a string succeeds");
}
