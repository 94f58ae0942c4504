//! ONNX graphs: build, check, differentiate, serialise.
//!
//! In: calls of the functions in [`op`], one per operator, on values of a [`Graph`]. Out: an ONNX file ([`export`]),
//! gradients as more nodes of the same graph ([`backward`]), a stable text form ([`Graph::dump`]).
//!
//! Every value has a [`Fact`] the moment it is created: an element type and the extent of each axis, which may be an
//! expression over named symbols ([`Dim`]). Shapes in comments use the letters B (batch), T (time, tokens), H (heads),
//! D (size of a head, or of the model), V (vocabulary), L (languages), N (rows of a flattened axis). Nodes are in
//! topological order because a value must exist before it is used. Equal nodes are created once (hash-consing), so
//! builders need not keep values around to share them; nodes that no output needs are left out of the file.
//!
//! # Invariants
//! - Nothing here names ONNX Runtime or opens a file; weights are initializers that enter by name.
//! - The core names no operator; the reverse sweep names those it accumulates and un-broadcasts with.
//! - A wrong shape or type is a bug in the caller, reported with the path of the node at construction.
//!
//! # Decisions
//! - Extents are polynomials over symbols, not opaque: then `reshape` to merged axes, `concat` and `slice` along a
//!   symbolic axis can be checked when the graph is built.
//! - An operator is exactly one ONNX node. Fused gradients of compositions are expressed by inputs that only the
//!   gradient rule sees ([`Op::written_inputs`]), not by a second kind of node.

pub mod backward;
mod dim;
mod dump;
pub mod export;
mod extent;
mod fact;
mod node;
pub mod op;
pub(crate) mod proto;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use dim::Dim;
pub use extent::extents;
pub use fact::{Fact, Mismatch, broadcast, shape_text};
pub(crate) use node::Node;
pub use node::{Attribute, AttributeValue, GradCx, Gradient, MICROSOFT, OPSET, Op};

use crate::{
    failure::bug,
    tensor::{DType, Tensor},
};

/// A value of a graph: an input, a weight, a constant or an output of a node. Only meaningful for its own graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Given with every run.
    Input,
    /// A weight that stays outside of the file.
    Initializer,
    /// Written into the file.
    Constant(Arc<Tensor>),
    /// Computed by the node of that index.
    Node(usize),
}

/// What the graph knows about a value.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) name: String,
    pub(crate) fact: Fact,
    pub(crate) source: Source,
}

/// A graph of operators over values with known facts.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    wires: Vec<Wire>,
    nodes: Vec<Node>,
    inputs: Vec<Value>,
    initializers: Vec<Value>,
    outputs: Vec<(String, Value)>,
    scopes: Vec<String>,
    /// How often a name was asked for.
    names: BTreeMap<String, usize>,
    /// Nodes by operator and inputs, and small constants by content.
    known_nodes: BTreeMap<(String, Vec<Option<Value>>), usize>,
    known_constants: BTreeMap<String, Value>,
}

/// Constants up to this many elements are shared if they are equal.
const SHARED_CONSTANT_ELEMENTS: usize = 64;

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares an input that is given with every run. Names are unique.
    pub fn input(&mut self, name: &str, dtype: DType, shape: &[Dim]) -> Value {
        let value = self.declare(name, Fact::new(dtype, shape), Source::Input);
        self.inputs.push(value);
        value
    }

    /// Declares a weight that enters by name when a session is created, not with the file. Names are unique.
    pub fn initializer(&mut self, name: &str, dtype: DType, shape: &[usize]) -> Value {
        let shape: Vec<Dim> = shape.iter().copied().map(Dim::known).collect();
        let value = self.declare(name, Fact::new(dtype, &shape), Source::Initializer);
        self.initializers.push(value);
        value
    }

    fn declare(&mut self, name: &str, fact: Fact, source: Source) -> Value {
        if self.names.insert(name.to_owned(), 1).is_some() {
            bug(format!("two values of one graph are named `{name}`"));
        }
        self.wire(name.to_owned(), fact, source)
    }

    /// Adds a tensor that is written into the file.
    pub fn constant(&mut self, tensor: Tensor) -> Value {
        let key = (tensor.len() <= SHARED_CONSTANT_ELEMENTS).then(|| format!("{tensor:?}"));
        if let Some(value) = key.as_ref().and_then(|key| self.known_constants.get(key)) {
            return *value;
        }
        let shape: Vec<Dim> = tensor.shape().iter().copied().map(Dim::known).collect();
        let fact = Fact::new(tensor.dtype(), &shape);
        let name = self.unique("constant");
        let value = self.wire(name, fact, Source::Constant(Arc::new(tensor)));
        if let Some(key) = key {
            self.known_constants.insert(key, value);
        }
        value
    }

    /// A constant without axes, rounded to `dtype`.
    pub fn scalar(&mut self, number: f64, dtype: DType) -> Value {
        self.constant(op::scalar_tensor(number, dtype))
    }

    /// Names a value as an output of the graph. Names are unique among outputs and inputs.
    pub fn output(&mut self, name: &str, value: Value) {
        if self.names.insert(name.to_owned(), 1).is_some() {
            bug(format!("two values of one graph are named `{name}`"));
        }
        self.outputs.push((name.to_owned(), value));
    }

    /// What is known about a value.
    pub fn fact(&self, value: Value) -> &Fact {
        &self.wires[value.0 as usize].fact
    }

    /// The shape of a value, as a copy that outlives changes of the graph.
    pub fn shape(&self, value: Value) -> Vec<Dim> {
        self.fact(value).shape.clone()
    }

    /// The element type of a value.
    pub fn dtype(&self, value: Value) -> DType {
        self.fact(value).dtype
    }

    /// The name of a value: the path of its node, or the name it was declared with.
    pub fn name(&self, value: Value) -> &str {
        &self.wires[value.0 as usize].name
    }

    /// The inputs, in the order of their declaration.
    pub fn inputs(&self) -> &[Value] {
        &self.inputs
    }

    /// The weights, in the order of their declaration.
    pub fn initializers(&self) -> &[Value] {
        &self.initializers
    }

    /// The weights that outputs need, in the order of their declaration: those that the file refers to.
    pub fn used_initializers(&self) -> Vec<Value> {
        let mut used: BTreeSet<Value> = self.outputs.iter().map(|(_, value)| *value).collect();
        for (node, live) in self.nodes.iter().zip(self.live_nodes()) {
            if live {
                used.extend(node.written_inputs().iter().flatten());
            }
        }
        self.initializers.iter().copied().filter(|value| used.contains(value)).collect()
    }

    /// The outputs with their names, in the order of their declaration.
    pub fn outputs(&self) -> &[(String, Value)] {
        &self.outputs
    }

    /// Runs `build` with `name` in front of the names of everything it adds.
    pub fn scope<R>(&mut self, name: &str, build: impl FnOnce(&mut Self) -> R) -> R {
        self.scopes.push(name.to_owned());
        let result = build(self);
        self.scopes.pop();
        result
    }

    /// Applies an operator with one output; equal applications are one node.
    #[track_caller]
    pub fn apply(&mut self, op: impl Op + 'static, inputs: &[Value]) -> Value {
        let inputs: Vec<Option<Value>> = inputs.iter().copied().map(Some).collect();
        self.apply_all(op, &inputs)[0]
    }

    /// Applies an operator whose inputs may be left out, and returns all outputs; equal applications are one node.
    #[track_caller]
    pub fn apply_all(&mut self, op: impl Op + 'static, inputs: &[Option<Value>]) -> Vec<Value> {
        self.apply_shared(Arc::new(op), inputs)
    }

    /// [`Self::apply_all`] of an operator that another node may have as well.
    #[track_caller]
    pub(crate) fn apply_shared(&mut self, op: Arc<dyn Op>, inputs: &[Option<Value>]) -> Vec<Value> {
        let key = (format!("{op:?}"), inputs.to_vec());
        if let Some(node) = self.known_nodes.get(&key) {
            return self.nodes[*node].outputs.clone();
        }
        let facts: Vec<Option<&Fact>> =
            inputs.iter().map(|input| input.map(|value| self.fact(value))).collect();
        let facts = op.infer(&facts).unwrap_or_else(|mismatch| {
            let place = self.scopes.join(".");
            bug(format!("cannot apply {} in `{place}`: {mismatch}", op.onnx()))
        });
        let path = self.unique(&op.onnx().to_lowercase());
        let index = self.nodes.len();
        let several = facts.len() > 1;
        let outputs: Vec<Value> = (facts.into_iter().enumerate())
            .map(|(output, fact)| {
                let name = if several { format!("{path}:{output}") } else { path.clone() };
                self.wire(name, fact, Source::Node(index))
            })
            .collect();
        let node = Node { op, inputs: inputs.to_vec(), outputs: outputs.clone(), path };
        self.nodes.push(node);
        self.known_nodes.insert(key, index);
        outputs
    }

    fn wire(&mut self, name: String, fact: Fact, source: Source) -> Value {
        let index = u32::try_from(self.wires.len()).unwrap_or_else(|_| bug("a graph of 2^32 values"));
        self.wires.push(Wire { name, fact, source });
        Value(index)
    }

    /// The current scopes and `name`, made unique by a number.
    fn unique(&mut self, name: &str) -> String {
        let mut path = self.scopes.join(".");
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        loop {
            let count = self.names.entry(path.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                return path;
            }
            path = format!("{path}_{count}");
        }
    }

    pub(crate) fn source(&self, value: Value) -> &Source {
        &self.wires[value.0 as usize].source
    }

    /// The node that computes a value.
    pub(crate) fn producer(&self, value: Value) -> Option<&Node> {
        if let Source::Node(index) = self.source(value) { Some(&self.nodes[*index]) } else { None }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// For every node, whether an output needs it.
    pub(crate) fn live_nodes(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        let mark = |live: &mut Vec<bool>, value: Value| {
            if let Source::Node(index) = self.source(value) {
                live[*index] = true;
            }
        };
        self.outputs.iter().for_each(|(_, value)| mark(&mut live, *value));
        for index in (0..self.nodes.len()).rev() {
            if live[index] {
                self.nodes[index].written_inputs().iter().flatten().for_each(|value| mark(&mut live, *value));
            }
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dims;

    #[test]
    fn equal_nodes_are_one_and_unequal_ones_have_names_of_their_own() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &dims!["n"]);
        let first = g.scope("layers.0", |g| op::exp(g, x));
        let again = g.scope("layers.1", |g| op::exp(g, x));
        assert_eq!(first, again);
        let twice = g.scope("layers.0", |g| op::exp(g, first));
        assert_eq!([g.name(first), g.name(twice)], ["layers.0.exp", "layers.0.exp_2"]);
        assert_eq!(g.scalar(1.0, DType::F32), g.scalar(1.0, DType::F32));
        assert_ne!(g.scalar(1.0, DType::F32), g.scalar(1.0, DType::F64));
    }

    #[test]
    fn what_no_output_needs_is_not_written() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &dims![2]);
        let weight = g.initializer("weight", DType::F32, &[2]);
        let kept = op::neg(&mut g, x);
        let dead = op::exp(&mut g, x);
        op::add(&mut g, dead, weight);
        g.output("y", kept);
        assert_eq!(g.live_nodes(), [true, false, false]);
        assert!(g.used_initializers().is_empty());
    }

    #[test]
    fn a_name_can_be_given_once() {
        let declared = std::panic::catch_unwind(|| {
            let mut g = Graph::new();
            g.input("x", DType::F32, &dims![2]);
            g.initializer("x", DType::F32, &[2]);
        });
        let message = declared.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("two values of one graph are named `x`"), "{message}");
    }
}
