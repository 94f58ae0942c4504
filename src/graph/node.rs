//! The contract of an operator, and the node that applies one.

use std::{fmt, sync::Arc};

use super::{Fact, Graph, Mismatch, Value};
use crate::tensor::Tensor;

/// The ONNX operator set that graphs are written in.
pub const OPSET: i64 = 21;

/// ONNX Runtime's own operators; version 1.
pub const MICROSOFT: &str = "com.microsoft";

/// An operator: one ONNX node in the file, with its rules for facts and gradients.
pub trait Op: fmt::Debug + Send + Sync {
    /// The operator's type in the file.
    fn onnx(&self) -> &'static str;

    /// The operator's domain; empty for standard ONNX.
    fn domain(&self) -> &'static str {
        ""
    }

    /// The node's attributes.
    fn attributes(&self) -> Vec<Attribute> {
        Vec::new()
    }

    /// The facts of the outputs. An input left out is `None`.
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch>;

    /// Whether the output's shape is what the inputs' shapes broadcast to. Only then may the gradient rule return
    /// gradients of narrower shape than the output ([`GradCx::narrow_upstream`]) for inputs that were stretched.
    fn broadcasts(&self) -> bool {
        false
    }

    /// How many of the inputs are written to the file; the others exist for the gradient rule only. `None` for all.
    fn written_inputs(&self) -> Option<usize> {
        None
    }

    /// The gradient rule.
    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient;
}

/// A named attribute of an ONNX node.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f32),
    /// A text.
    Text(&'static str),
    /// Several integers.
    Ints(Vec<i64>),
    /// A tensor.
    Tensor(Arc<Tensor>),
}

impl Attribute {
    /// An integer attribute.
    pub fn int(name: &'static str, value: i64) -> Self {
        Self { name, value: AttributeValue::Int(value) }
    }

    /// A float attribute.
    pub fn float(name: &'static str, value: f32) -> Self {
        Self { name, value: AttributeValue::Float(value) }
    }

    /// A text attribute.
    pub fn text(name: &'static str, value: &'static str) -> Self {
        Self { name, value: AttributeValue::Text(value) }
    }

    /// An attribute of several integers.
    pub fn ints(name: &'static str, value: Vec<i64>) -> Self {
        Self { name, value: AttributeValue::Ints(value) }
    }

    /// A tensor attribute.
    pub fn tensor(name: &'static str, value: Arc<Tensor>) -> Self {
        Self { name, value: AttributeValue::Tensor(value) }
    }
}

/// What a gradient rule says.
#[derive(Debug)]
pub enum Gradient {
    /// The gradient of the loss by every input: `None` where it is zero or nobody needs it. A gradient may have the
    /// shape that its input was broadcast to (the sweep sums it down) or one that broadcasts to the input's.
    Flow(Vec<Option<Value>>),
    /// The same from a rule that has summed every gradient down itself ([`GradCx::sum_to_input`]).
    Summed(Vec<Option<Value>>),
    /// The gradient is zero almost everywhere, by declaration.
    Zero,
    /// There is no gradient rule, and why.
    Unsupported(&'static str),
}

/// What a gradient rule works with. A rule adds nodes to `graph` and returns values, nothing else.
#[derive(Debug)]
pub struct GradCx<'a> {
    /// The graph that grows.
    pub graph: &'a mut Graph,
    /// The node's inputs, those for the gradient rule included.
    pub inputs: &'a [Option<Value>],
    /// The node's outputs.
    pub outputs: &'a [Value],
    /// The gradient of the loss by each output; `None` where the loss does not depend on it.
    pub upstream: &'a [Option<Value>],
    /// Which inputs somebody needs the gradient of.
    pub needed: &'a [bool],
}

impl GradCx<'_> {
    /// The `index`-th input, which the operator always has.
    pub fn input(&self, index: usize) -> Value {
        self.inputs[index].unwrap_or_else(|| crate::failure::bug(format!("input {index} is not connected")))
    }

    /// The gradient by the only output, in the output's shape.
    pub fn upstream(&mut self) -> Value {
        let shape = self.graph.shape(self.outputs[0]);
        let dy = self.narrow_upstream();
        crate::graph::op::expand(self.graph, dy, &shape)
    }

    /// The gradient by the only output, in a shape that may still have to be broadcast to the output's: enough for
    /// rules that only multiply element by element.
    pub fn narrow_upstream(&self) -> Value {
        self.upstream[0].unwrap_or_else(|| crate::failure::bug("a gradient rule ran without a gradient"))
    }

    /// The gradient by the `index`-th of several outputs, in its shape; zeros where the loss does not depend on it.
    pub fn upstream_or_zeros(&mut self, index: usize) -> Value {
        let output = self.outputs[index];
        match self.upstream[index] {
            Some(dy) => crate::graph::op::expand(self.graph, dy, &self.graph.shape(output)),
            None => crate::graph::op::zeros_like(self.graph, output),
        }
    }

    /// The only output.
    pub fn output(&self) -> Value {
        self.outputs[0]
    }

    /// Sums the gradient by the `index`-th input of a broadcasting operator down to the input's shape, where a rule has more
    /// to do with it that is cheaper afterwards.
    pub fn sum_to_input(&mut self, index: usize, gradient: Value) -> Value {
        let input = self.input(index);
        crate::graph::backward::to_input(self.graph, Some(self.outputs[0]), input, gradient)
    }

    /// Runs `rule` if the gradient by the `index`-th input is needed.
    pub fn if_needed(&mut self, index: usize, rule: impl FnOnce(&mut Self) -> Value) -> Option<Value> {
        self.needed[index].then(|| rule(self))
    }
}

/// An operator applied to values.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) inputs: Vec<Option<Value>>,
    pub(crate) outputs: Vec<Value>,
    /// Dotted scopes and the operator's name, unique in the graph: `layers.0.attention.matmul`.
    pub(crate) path: String,
}

impl Node {
    /// The inputs that the file has.
    pub(crate) fn written_inputs(&self) -> &[Option<Value>] {
        &self.inputs[..self.op.written_inputs().unwrap_or(self.inputs.len())]
    }
}
