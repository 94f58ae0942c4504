//! Writes a graph as an ONNX model: the nodes that outputs need, constants in the file, weights by reference.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use crate::{
    graph::{
        Attribute, AttributeValue, Fact, Graph, OPSET, Source, Value,
        proto::{
            AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
            StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
            ValueInfoProto,
        },
    },
    tensor::{DType, Tensor},
};

/// The version of the file format that belongs to [`OPSET`].
const IR_VERSION: i64 = 10;

/// The number of a tensor's location outside of the file.
pub(crate) const EXTERNAL: i32 = 1;

/// What the file says about itself to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// A short name of the graph.
    pub name: String,
    /// What the graph computes.
    pub text: String,
    /// What inputs and outputs mean, by name.
    pub values: BTreeMap<String, String>,
    /// Further facts for programs.
    pub metadata: BTreeMap<String, String>,
}

/// Where a weight's bytes lie: row-major, little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// A file, relative to the ONNX file.
    pub location: String,
    /// The first byte.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
}

/// The graph as the bytes of an ONNX file. Weights are external data at their `places`; those without a place are files of
/// their own names, if they are not given by name when a session is created. Weights and nodes that no output needs are left out, inputs stay.
pub fn model(g: &Graph, description: &Description, places: &BTreeMap<String, External>) -> Vec<u8> {
    let names = Names::of(g);
    let nodes = nodes(g, &names);
    let mut domains: BTreeSet<&str> = BTreeSet::from([""]);
    domains.extend(nodes.iter().filter_map(|node| node.domain.as_deref()));
    let opset_import = domains
        .iter()
        .map(|domain| OperatorSetIdProto {
            domain: Some((*domain).to_owned()),
            version: Some(if domain.is_empty() { OPSET } else { 1 }),
        })
        .collect();
    let used: BTreeSet<&String> = nodes.iter().flat_map(|node| &node.input).collect();
    let doc = |name: &str| description.values.get(name).cloned();
    let info = |name: &str, value: Value| ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(type_of(g.fact(value))),
        doc_string: doc(name),
        ..ValueInfoProto::default()
    };
    let graph = GraphProto {
        initializer: initializers(g, &used, places),
        name: Some(if description.name.is_empty() { "graph".to_owned() } else { description.name.clone() }),
        doc_string: Some(description.text.clone()),
        input: g.inputs().iter().map(|value| info(g.name(*value), *value)).collect(),
        output: g.outputs().iter().map(|(name, value)| info(name, *value)).collect(),
        node: nodes,
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        doc_string: Some(description.text.clone()),
        opset_import,
        metadata_props: description.metadata.iter().map(|(key, value)| entry(key, value)).collect(),
        graph: Some(graph),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

/// The number of an element type in the format.
pub(crate) const fn element_type(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
        DType::Bf16 => 16,
    }
}

/// What values are called in the file. A computed value that is an output goes by the name of the output.
struct Names<'a> {
    graph: &'a Graph,
    outputs: BTreeMap<Value, &'a str>,
}

impl<'a> Names<'a> {
    fn of(graph: &'a Graph) -> Self {
        let mut outputs = BTreeMap::new();
        for (name, value) in graph.outputs() {
            if matches!(graph.source(*value), Source::Node(_)) {
                outputs.entry(*value).or_insert(name.as_str());
            }
        }
        Self { graph, outputs }
    }

    fn get(&self, value: Value) -> &'a str {
        self.outputs.get(&value).copied().unwrap_or_else(|| self.graph.name(value))
    }
}

fn nodes(g: &Graph, names: &Names<'_>) -> Vec<NodeProto> {
    let name = |value: &Value| names.get(*value).to_owned();
    let live = g.nodes().iter().zip(g.live_nodes()).filter(|(_, live)| *live).map(|(node, _)| node);
    let mut nodes: Vec<NodeProto> = live
        .map(|node| {
            let mut input: Vec<String> = node
                .written_inputs()
                .iter()
                .map(|value| value.as_ref().map(name).unwrap_or_default())
                .collect();
            // Inputs left out at the end are not written at all.
            while input.last().is_some_and(String::is_empty) {
                input.pop();
            }
            NodeProto {
                input,
                output: node.outputs.iter().map(name).collect(),
                name: Some(node.path.clone()),
                op_type: Some(node.op.onnx().to_owned()),
                attribute: node.op.attributes().into_iter().map(attribute).collect(),
                domain: Some(node.op.domain().to_owned()).filter(|domain| !domain.is_empty()),
                ..NodeProto::default()
            }
        })
        .collect();
    for (output, value) in g.outputs() {
        if names.get(*value) != output {
            nodes.push(NodeProto {
                input: vec![name(value)],
                output: vec![output.clone()],
                name: Some(format!("{output}.identity")),
                op_type: Some("Identity".to_owned()),
                ..NodeProto::default()
            });
        }
    }
    nodes
}

fn attribute(attribute: Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(attribute.name.to_owned()), ..AttributeProto::default() };
    proto.r#type = Some(match attribute.value {
        AttributeValue::Float(value) => {
            proto.f = Some(value);
            1
        }
        AttributeValue::Int(value) => {
            proto.i = Some(value);
            2
        }
        AttributeValue::Text(value) => {
            proto.s = Some(value.as_bytes().to_vec());
            3
        }
        AttributeValue::Tensor(value) => {
            proto.t = Some(tensor(None, &value));
            4
        }
        AttributeValue::Ints(values) => {
            proto.ints = values;
            7
        }
    });
    proto
}

fn initializers(
    g: &Graph,
    used: &BTreeSet<&String>,
    places: &BTreeMap<String, External>,
) -> Vec<TensorProto> {
    let is_used = |wire: &&super::super::Wire| used.contains(&wire.name);
    g.wires
        .iter()
        .filter(is_used)
        .filter_map(|wire| match &wire.source {
            Source::Constant(content) => Some(tensor(Some(wire.name.clone()), content)),
            Source::Initializer => Some(external(&wire.name, &wire.fact, places.get(&wire.name))),
            Source::Input | Source::Node(_) => None,
        })
        .collect()
}

fn external(name: &str, fact: &Fact, place: Option<&External>) -> TensorProto {
    let shape: Vec<usize> = fact.shape.iter().map(crate::graph::Dim::expect_known).collect();
    let length = shape.iter().product::<usize>() * fact.dtype.size();
    let default = External { location: name.to_owned(), offset: 0, length: length as u64 };
    let place = place.unwrap_or(&default);
    TensorProto {
        dims: shape.iter().map(|extent| *extent as i64).collect(),
        data_type: Some(element_type(fact.dtype)),
        name: Some(name.to_owned()),
        external_data: vec![
            entry("location", &place.location),
            entry("offset", &place.offset.to_string()),
            entry("length", &place.length.to_string()),
        ],
        data_location: Some(EXTERNAL),
        ..TensorProto::default()
    }
}

fn tensor(name: Option<String>, content: &Tensor) -> TensorProto {
    TensorProto {
        dims: content.shape().iter().map(|extent| *extent as i64).collect(),
        data_type: Some(element_type(content.dtype())),
        name,
        raw_data: Some(little_endian(content)),
        ..TensorProto::default()
    }
}

fn little_endian(content: &Tensor) -> Vec<u8> {
    match content {
        Tensor::F32(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Tensor::F64(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Tensor::F16(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Tensor::Bf16(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Tensor::I64(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Tensor::I32(array) => array.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Tensor::Bool(array) => array.iter().map(|x| u8::from(*x)).collect(),
    }
}

fn type_of(fact: &Fact) -> TypeProto {
    let dim = (fact.shape.iter())
        .map(|dim| match dim.as_known() {
            Some(extent) => DimensionProto { dim_value: Some(extent as i64), ..DimensionProto::default() },
            None => DimensionProto { dim_param: Some(dim.to_string()), ..DimensionProto::default() },
        })
        .collect();
    TypeProto {
        tensor_type: Some(TensorTypeProto {
            elem_type: Some(element_type(fact.dtype)),
            shape: Some(TensorShapeProto { dim }),
        }),
        ..TypeProto::default()
    }
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}
