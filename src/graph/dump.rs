//! A stable text form of a graph, one line per value: for people, and for tests that notice every change.

use std::fmt::Write;

use super::{Graph, Source, Value};
use crate::tensor::{DType, Tensor, with_array};

/// Constants with at most this many elements are written out.
const SHOWN_ELEMENTS: usize = 8;

impl Graph {
    /// The graph as text: inputs, weights and every node that an output needs, in order, with facts and attributes.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for value in &self.inputs {
            line(&mut text, &format!("input {}: {}", self.name(*value), self.fact(*value)));
        }
        for value in &self.initializers {
            line(&mut text, &format!("weight {}: {}", self.name(*value), self.fact(*value)));
        }
        for (node, live) in self.nodes().iter().zip(self.live_nodes()) {
            if !live {
                continue;
            }
            let inputs: Vec<String> =
                node.written_inputs().iter().map(|input| self.operand(*input)).collect();
            let outputs: Vec<String> = node
                .outputs
                .iter()
                .map(|value| format!("{}: {}", self.name(*value), self.fact(*value)))
                .collect();
            let attributes: Vec<String> = (node.op.attributes().iter())
                .map(|attribute| format!(" {}={:?}", attribute.name, attribute.value))
                .collect();
            let (outputs, inputs) = (outputs.join(", "), inputs.join(", "));
            line(&mut text, &format!("{outputs} = {}({inputs}){}", node.op.onnx(), attributes.concat()));
        }
        for (name, value) in &self.outputs {
            line(
                &mut text,
                &format!("output {name}: {} = {}", self.fact(*value), self.operand(Some(*value))),
            );
        }
        text
    }

    /// A value as it is referred to: its name, or its content if it is a small constant.
    fn operand(&self, value: Option<Value>) -> String {
        let Some(value) = value else {
            return "-".to_owned();
        };
        match self.source(value) {
            Source::Constant(tensor) if tensor.len() <= SHOWN_ELEMENTS => elements(tensor),
            Source::Constant(_) => format!("constant {}", self.fact(value)),
            Source::Input | Source::Initializer | Source::Node(_) => self.name(value).to_owned(),
        }
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _: std::fmt::Result = writeln!(text, "{line}");
}

fn elements(tensor: &Tensor) -> String {
    let numbers: Vec<String> = with_array!(tensor, array => array.iter().map(|x| format!("{x:?}")).collect());
    match (tensor.shape().len(), tensor.dtype()) {
        (0, DType::I64 | DType::Bool) => numbers.concat(),
        (0, dtype) => format!("{}{dtype:?}", numbers.concat()).to_lowercase(),
        _ => format!("[{}]", numbers.join(",")),
    }
}
