//! Turns the trainable inputs of a checked foreign graph into slices of one flat vector, its gradients into another, and
//! its frozen inputs into weights that enter by name.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::{FROZEN, GRADIENT, TRAINABLE};
use crate::{
    graph::{
        export::{EXTERNAL, element_type},
        proto::{
            AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
            TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
        },
    },
    model::loss::Loss,
    tensor::DType,
    train::{
        graph::name,
        layout::{Layout, Slot},
        program::Program,
    },
};

/// What stands before the names of added values; no other tool's names begin so.
const OWN: &str = "chorale.flat.";

/// The program of a graph in which [`super::check()`] finds nothing wrong.
pub(super) fn program(mut model: ModelProto, loss: &'static dyn Loss) -> Program {
    let mut graph = model.graph.take().unwrap_or_default();
    let named = |prefix: &str| -> Vec<(String, Vec<usize>)> {
        let tensor =
            |value: &ValueInfoProto| Some((name_of(value).strip_prefix(prefix)?.to_owned(), extents(value)));
        graph.input.iter().filter_map(tensor).collect()
    };
    let layout = Layout::new(named(TRAINABLE));
    let frozen = named(FROZEN);
    let batch = |value: &&ValueInfoProto| {
        ![TRAINABLE, FROZEN].iter().any(|prefix| name_of(value).starts_with(prefix))
    };
    let inputs: BTreeSet<String> =
        graph.input.iter().filter(batch).map(|value| name_of(value).to_owned()).collect();
    let metric =
        |value: &&ValueInfoProto| !name_of(value).starts_with(GRADIENT) && name_of(value) != name::LOSS;
    let metrics = graph.output.iter().filter(metric).map(|value| name_of(value).to_owned()).collect();

    graph.input.retain(|value| inputs.contains(name_of(value)));
    graph.input.push(flat(name::TRAINABLE, layout.len()));
    graph.output.retain(|value| !name_of(value).starts_with(GRADIENT));
    graph.output.push(flat(name::GRADIENT, layout.len()));
    graph.initializer.extend(frozen.iter().map(|(name, shape)| weight(&format!("{FROZEN}{name}"), shape)));
    cut(&mut graph, layout.slots());
    join(&mut graph, layout.slots());
    let frozen: BTreeMap<String, usize> =
        frozen.into_iter().map(|(name, shape)| (format!("{FROZEN}{name}"), shape.iter().product())).collect();
    model.graph = Some(graph);
    Program { onnx: model.encode_to_vec(), layout, loss, auxiliary: None, inputs, metrics, frozen }
}

fn name_of(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}

fn extents(value: &ValueInfoProto) -> Vec<usize> {
    let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    dims.iter().map(|dim| dim.dim_value.unwrap_or(0) as usize).collect()
}

/// Cuts the flat vector into the tensors that were inputs.
fn cut(graph: &mut GraphProto, slots: &[Slot]) {
    let lengths: Vec<i64> = slots.iter().map(|slot| slot.len() as i64).collect();
    graph.initializer.push(integers("lengths", &lengths));
    let pieces: Vec<String> = slots.iter().map(|slot| format!("{OWN}{}", slot.name)).collect();
    let mut nodes = vec![node(
        "Split",
        vec![name::TRAINABLE.to_owned(), format!("{OWN}lengths")],
        pieces.clone(),
        &[("axis", 0)],
    )];
    for (slot, piece) in slots.iter().zip(pieces) {
        let shape: Vec<i64> = slot.shape.iter().map(|extent| *extent as i64).collect();
        let target = format!("{}.extents", slot.name);
        graph.initializer.push(integers(&target, &shape));
        nodes.push(node(
            "Reshape",
            vec![piece, format!("{OWN}{target}")],
            vec![format!("{TRAINABLE}{}", slot.name)],
            &[],
        ));
    }
    graph.node.splice(0..0, nodes);
}

/// Joins the gradients, which were outputs, into one flat vector.
fn join(graph: &mut GraphProto, slots: &[Slot]) {
    graph.initializer.push(integers("whole", &[-1]));
    let mut pieces = Vec::new();
    for slot in slots {
        let piece = format!("{OWN}{GRADIENT}{}", slot.name);
        let inputs = vec![format!("{GRADIENT}{}", slot.name), format!("{OWN}whole")];
        graph.node.push(node("Reshape", inputs, vec![piece.clone()], &[]));
        pieces.push(piece);
    }
    graph.node.push(node("Concat", pieces, vec![name::GRADIENT.to_owned()], &[("axis", 0)]));
}

fn node(op: &str, input: Vec<String>, output: Vec<String>, integers: &[(&str, i64)]) -> NodeProto {
    let attribute = |(name, value): &(&str, i64)| AttributeProto {
        name: Some((*name).to_owned()),
        i: Some(*value),
        r#type: Some(2),
        ..AttributeProto::default()
    };
    NodeProto {
        name: output.first().map(|first| format!("{OWN}node.{first}")),
        op_type: Some(op.to_owned()),
        attribute: integers.iter().map(attribute).collect(),
        input,
        output,
        ..NodeProto::default()
    }
}

fn integers(name: &str, numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(format!("{OWN}{name}")),
        dims: vec![numbers.len() as i64],
        data_type: Some(element_type(DType::I64)),
        raw_data: Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        ..TensorProto::default()
    }
}

/// A weight that is given when a session is made.
fn weight(name: &str, shape: &[usize]) -> TensorProto {
    let length = shape.iter().product::<usize>() * DType::F32.size();
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    TensorProto {
        name: Some(name.to_owned()),
        dims: shape.iter().map(|extent| *extent as i64).collect(),
        data_type: Some(element_type(DType::F32)),
        data_location: Some(EXTERNAL),
        external_data: vec![
            entry("location", "given"),
            entry("offset", "0"),
            entry("length", &length.to_string()),
        ],
        ..TensorProto::default()
    }
}

fn flat(name: &str, length: usize) -> ValueInfoProto {
    let dim = DimensionProto { dim_value: Some(length as i64), ..DimensionProto::default() };
    let tensor = TensorTypeProto {
        elem_type: Some(element_type(DType::F32)),
        shape: Some(TensorShapeProto { dim: vec![dim] }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}
