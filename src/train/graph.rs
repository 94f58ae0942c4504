//! Builds the training graph: forward pass, loss and backward pass in one ONNX graph.
//!
//! The graph knows three kinds of numbers. What is trained enters as one flat vector and is cut into tensors inside;
//! frozen weights are external initializers under their Hugging Face names; a batch enters as rows
//! ([`crate::train::batch`]). Out come the loss, its gradient as one flat vector, and metrics. Loss, gradient and metrics are
//! divided by the number of units (tokens or examples) of the *whole* optimizer step, so the results of its batches add
//! up to the mean.

use std::collections::BTreeMap;

use super::layout::Layout;
use crate::{
    failure::Failure,
    graph::{Dim, Graph, Value, backward, op},
    model::{
        arch::{Mode, Network},
        lora::{Adapted, Lora, Target},
        loss::{Loss, Reduction, Role, Settings},
        parameter::{Initializers, Parameters},
    },
    tensor::DType,
};

/// Names of inputs and outputs: the contract by which the trainer, or another program, runs a training graph.
pub mod name {
    /// Input: all trainable tensors one after another, f32 `[P]`.
    pub const TRAINABLE: &str = "trainable";
    /// Input: token ids, i64 `[rows, tokens]`.
    pub const TOKENS: &str = "tokens";
    /// Input: positions, i64 `[rows, tokens]`.
    pub const POSITIONS: &str = "positions";
    /// Input: segments, i64 `[rows, tokens]`.
    pub const SEGMENTS: &str = "segments";
    /// Input: flat positions whose next token is scored, i64 `[selected]`.
    pub const SELECTED: &str = "selected";
    /// Input: the next tokens, i64 `[selected]`.
    pub const LABELS: &str = "labels";
    /// Input: number of units of the optimizer step, f32 without axes.
    pub const UNITS: &str = "units";
    /// Output: this batch's share of the mean loss, f32 without axes.
    pub const LOSS: &str = "loss";
    /// Output: gradient of the loss by the trainable vector, f32 `[P]`.
    pub const GRADIENT: &str = "gradient";

    /// Input: which scored tokens make up each sequence of `role`, f32 `[examples, selected]`.
    pub fn members(role: &str) -> String {
        format!("{role}.members")
    }

    /// Input: log-probability of each sequence of `role` under the reference model, f32 `[examples]`.
    pub fn reference(role: &str) -> String {
        format!("{role}.reference")
    }
}

/// What is trained.
#[derive(Clone, Debug)]
pub enum Trained {
    /// All weights.
    All,
    /// Adapters beside these layers.
    Adapters(Lora, Vec<Target>),
}

impl Trained {
    /// All weights, or the adapters that `lora` asks for.
    pub fn new(network: &dyn Network, lora: Option<&Lora>) -> Result<Self, Failure> {
        match lora {
            None => Ok(Self::All),
            Some(lora) => Ok(Self::Adapters(lora.clone(), lora.resolve(&network.parameters())?)),
        }
    }

    /// Where each trainable tensor lies in the flat vector.
    pub fn layout(&self, network: &dyn Network) -> Layout {
        match self {
            Self::All => Layout::new(network.parameters().into_iter().map(|p| (p.name, p.shape))),
            Self::Adapters(lora, targets) => Layout::new(lora.matrices(targets)),
        }
    }
}

/// A training graph with its contract.
#[derive(Clone, Debug)]
pub struct TrainingGraph {
    /// The graph.
    pub graph: Graph,
    /// Where each trainable tensor lies in the flat vector.
    pub layout: Layout,
    /// The objective.
    pub loss: &'static dyn Loss,
    /// The names of the metrics among the outputs.
    pub metrics: Vec<&'static str>,
}

/// Builds the training graph of a network.
pub fn build(
    network: &dyn Network,
    trained: &Trained,
    loss: &'static dyn Loss,
    settings: &Settings,
) -> TrainingGraph {
    let layout = trained.layout(network);
    let mut graph = Graph::new();
    let g = &mut graph;
    let pieces = pieces(g, &layout);
    let log_probability = match trained {
        Trained::All => {
            let mut weights =
                Flat { pieces: by_name(&layout, &pieces), frozen: Initializers::new(DType::F32) };
            token_log_probabilities(g, network, &mut weights)
        }
        Trained::Adapters(lora, targets) => {
            let named = by_name(&layout, &pieces);
            let adapters = targets.iter().map(|t| (t.weight(), [named[&t.a()], named[&t.b()]])).collect();
            let mut weights = Adapted::new(Initializers::new(DType::F32), adapters, lora.scale());
            token_log_probabilities(g, network, &mut weights)
        }
    };
    let units = g.input(name::UNITS, DType::F32, &[]);
    let built = g.scope("loss", |g| {
        let roles: Vec<Role> =
            loss.roles().iter().map(|role| reduce(g, loss, role, log_probability)).collect();
        loss.build(g, &roles, settings)
    });
    let mean = op::div(g, built.loss, units);
    let gradients = g.scope("backward", |g| {
        let gradients = backward::gradients(g, mean, &pieces);
        let flat: Vec<Value> = (gradients.iter().zip(layout.slots()))
            .map(|(gradient, slot)| op::reshape(g, *gradient, &[Dim::known(slot.len())]))
            .collect();
        op::concat(g, &flat, 0)
    });
    g.output(name::LOSS, mean);
    g.output(name::GRADIENT, gradients);
    let mut metrics = Vec::new();
    for (metric, sum) in built.metrics {
        let mean = op::div(g, sum, units);
        g.output(metric, mean);
        metrics.push(metric);
    }
    TrainingGraph { graph, layout, loss, metrics }
}

/// Cuts the flat vector into its tensors.
fn pieces(g: &mut Graph, layout: &Layout) -> Vec<Value> {
    let flat = g.input(name::TRAINABLE, DType::F32, &[Dim::known(layout.len())]);
    let lengths: Vec<Dim> = layout.slots().iter().map(|slot| Dim::known(slot.len())).collect();
    let parts = op::split(g, flat, 0, &lengths);
    (parts.into_iter().zip(layout.slots()))
        .map(|(part, slot)| {
            let shape: Vec<Dim> = slot.shape.iter().copied().map(Dim::known).collect();
            op::reshape(g, part, &shape)
        })
        .collect()
}

fn by_name(layout: &Layout, pieces: &[Value]) -> BTreeMap<String, Value> {
    layout.slots().iter().map(|slot| slot.name.clone()).zip(pieces.iter().copied()).collect()
}

/// The log-probability of each label after the tokens before it, `[selected]`.
fn token_log_probabilities(g: &mut Graph, network: &dyn Network, weights: &mut dyn Parameters) -> Value {
    let row = [Dim::symbol("rows"), Dim::symbol("tokens")];
    let tokens = g.input(name::TOKENS, DType::I64, &row);
    let positions = g.input(name::POSITIONS, DType::I64, &row);
    let segments = g.input(name::SEGMENTS, DType::I64, &row);
    let selected = g.input(name::SELECTED, DType::I64, &[Dim::symbol("selected")]);
    let labels = g.input(name::LABELS, DType::I64, &[Dim::symbol("selected")]);
    let forward = network.forward(g, weights, tokens, &Mode::Rows { positions, segments });
    let width = network.sizes().width;
    let states = op::reshape(g, forward.hidden, &[row[0].times(&row[1]), Dim::known(width)]);
    let states = op::gather(g, states, selected, 0); // [selected, width]
    let logits = network.head(g, weights, states); // [selected, vocabulary]
    op::token_log_probability(g, logits, labels)
}

/// Brings token log-probabilities into the form a loss wants for one role.
fn reduce(g: &mut Graph, loss: &dyn Loss, role: &str, log_probability: Value) -> Role {
    let examples = Dim::symbol("examples");
    let sequences = match loss.reduction() {
        Reduction::Tokens => log_probability,
        Reduction::Sum | Reduction::Mean => {
            let shape = [examples.clone(), Dim::symbol("selected")];
            let members = g.input(&name::members(role), DType::F32, &shape);
            let column = op::reshape(g, log_probability, &[shape[1].clone(), Dim::known(1)]);
            let sums = op::matmul(g, members, column);
            op::reshape(g, sums, std::slice::from_ref(&examples))
        }
    };
    let reference =
        (loss.needs_reference()).then(|| g.input(&name::reference(role), DType::F32, &[examples]));
    Role { log_probability: sequences, reference }
}

/// Weights that are cut out of the flat vector.
struct Flat {
    pieces: BTreeMap<String, Value>,
    frozen: Initializers,
}

impl Parameters for Flat {
    fn weight(&mut self, g: &mut Graph, name: &str, shape: &[usize]) -> Value {
        self.pieces.get(name).copied().unwrap_or_else(|| self.frozen.weight(g, name, shape))
    }
}
