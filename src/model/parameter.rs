//! Where a network gets its weights from while its graph is built.
//!
//! An architecture names the tensor it needs; a [`Parameters`] decides what that is: an external initializer of the
//! checkpoint's tensor ([`Initializers`]), a slice of the flat vector that is being trained, or, for matrices, the
//! frozen matrix with a LoRA branch beside it. So the forward pass is written once and knows nothing of training.

use std::collections::BTreeMap;

use crate::{
    graph::{Dim, Graph, Value, op},
    model::layer,
    tensor::DType,
};

/// What a tensor is for; decides how it is initialised from scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A table of vectors, one per token.
    Embedding,
    /// A matrix `[outputs, inputs]`.
    Matrix,
    /// The gain of a normalisation; starts at one.
    Gain,
    /// What is added: to what a matrix gives, or to a gain of one; starts at zero.
    Bias,
}

/// One tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name in Hugging Face checkpoints, such as `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// The extents; `[outputs, inputs]` for matrices.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl Parameter {
    /// A parameter from its parts.
    pub fn new(name: impl Into<String>, shape: &[usize], role: Role) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), role }
    }
}

/// Gives a network its weights. The same name may be asked for several times.
pub trait Parameters {
    /// The tensor `name` of extents `shape`.
    fn weight(&mut self, g: &mut Graph, name: &str, shape: &[usize]) -> Value;

    /// The matrix `name` (extents `shape`, `[outputs, inputs]`) applied to the last axis of `x`:
    /// `[.., inputs] -> [.., outputs]`. Adapters put themselves in here.
    fn linear(&mut self, g: &mut Graph, name: &str, x: Value, shape: [usize; 2]) -> Value {
        let weight = self.weight(g, name, &shape);
        layer::linear(g, x, weight)
    }
}

/// Every weight is an external initializer of one element type: what inference and frozen bases use.
#[derive(Clone, Debug)]
pub struct Initializers {
    dtype: DType,
    few_rows: bool,
    known: BTreeMap<String, Value>,
}

impl Initializers {
    /// Weights of type `dtype`.
    pub fn new(dtype: DType) -> Self {
        Self { dtype, few_rows: false, known: BTreeMap::new() }
    }

    /// Applies matrices in the way that is fast for 2 to about 128 rows on the CPU; see [`op::linear_of_few`].
    #[must_use]
    pub fn for_few_rows(self) -> Self {
        Self { few_rows: true, ..self }
    }
}

impl Parameters for Initializers {
    fn weight(&mut self, g: &mut Graph, name: &str, shape: &[usize]) -> Value {
        if let Some(value) = self.known.get(name) {
            return *value;
        }
        let value = g.initializer(name, self.dtype, shape);
        self.known.insert(name.to_owned(), value);
        value
    }

    fn linear(&mut self, g: &mut Graph, name: &str, x: Value, shape: [usize; 2]) -> Value {
        let weight = self.weight(g, name, &shape);
        let mut rows = g.shape(x);
        rows.pop();
        // For a single row the kernels have a form of their own.
        if self.few_rows && Dim::product(&rows) != Dim::known(1) {
            op::linear_of_few(g, x, weight)
        } else {
            layer::linear(g, x, weight)
        }
    }
}
