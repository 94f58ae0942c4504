//! Builds the training graph: forward pass, loss and backward pass in one ONNX graph.
//!
//! The graph knows three kinds of numbers. What is trained enters as one flat vector and is cut into tensors inside;
//! frozen weights are external initializers under their Hugging Face names; a batch enters as rows
//! ([`crate::train::batch`]). Out come the loss, its gradient as one flat vector, and metrics. Loss, gradient and metrics are
//! divided by the number of units (tokens, examples or groups) of the *whole* optimizer step, so the results of its batches add
//! up to the mean.

use std::collections::BTreeMap;

use super::{
    layout::Layout,
    metric::{self, TokenNumbers},
};
use crate::{
    failure::{Failure, bug},
    graph::{Dim, Graph, Value, backward, op},
    model::{
        arch::{Forward, Mode, Network},
        auxiliary::{self, Auxiliary},
        layer::dropout::Dropout,
        lora::{Adapted, Lora, Target},
        loss::{Given, Loss, Role, Settings, Unit},
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
    /// Input: keys of dropout, `0..2^30`, i64 `[rows, tokens]`; absent without dropout.
    pub const DROPOUT: &str = "dropout";
    /// Input: which examples make up each group, ones and zeros, f32 `[groups, examples]`; of losses over groups. The other
    /// numbers of examples that a loss asks for are inputs `[examples]` under its own names.
    pub const GROUPS: &str = "groups";
    /// Input: flat positions of the last token of each question's prompts, i64 `[questions, L]`; of auxiliary terms.
    pub const ANCHORS: &str = "anchors";
    /// Input: the weight of each question in the mean over those of the optimizer step, f32 `[questions]`.
    pub const ANCHOR_WEIGHTS: &str = "anchor_weights";
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

    /// The share of the inputs of adapters that is dropped.
    pub fn dropout(&self) -> f64 {
        match self {
            Self::All => 0.0,
            Self::Adapters(lora, _) => lora.dropout,
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
    /// What is added to the objective.
    pub auxiliary: Option<Auxiliary>,
}

/// What is learned.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// The objective.
    pub loss: &'static dyn Loss,
    /// Its numbers.
    pub settings: &'a Settings,
    /// What is added to it.
    pub auxiliary: Option<&'a Auxiliary>,
}

/// How a training graph computes; its results are the same but for rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The type of frozen weights and of activations. What is trained, the statistics of norms, softmax and loss are f32
    /// whatever it is; weights that are trained are rounded to it where they are used.
    pub dtype: DType,
    /// Whether the backward pass computes the inside of each layer again instead of keeping it from the forward pass: less
    /// memory, about a third more time.
    pub recompute: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { dtype: DType::F32, recompute: false }
    }
}

/// The scope that architectures put their layers in, followed by a number each.
const LAYERS: &str = "layers";

/// Builds the training graph of a network.
pub fn build(network: &dyn Network, trained: &Trained, goal: Goal<'_>, form: Form) -> TrainingGraph {
    let Goal { loss, settings, auxiliary } = goal;
    let width = network.sizes().width;
    let layout =
        trained.layout(network).with_auxiliary(auxiliary.map_or_else(Vec::new, |aux| aux.tensors(width)));
    let mut graph = Graph::new();
    let g = &mut graph;
    let pieces = pieces(g, &layout);
    let batch = Inputs::new(g);
    let named = by_name(&layout, &pieces);
    let passed = pass(g, network, trained, &named, &batch, form);
    let log_probability = op::token_log_probability(g, passed.logits, batch.labels);
    let units = g.input(name::UNITS, DType::F32, &[]);
    let columns = columns(g, loss);
    let groups = groups(g, loss);
    let built = g.scope("loss", |g| {
        let mut members = Vec::new();
        let roles: Vec<Role> =
            loss.roles().iter().map(|role| reduce(g, loss, role, log_probability, &mut members)).collect();
        let mut built = loss.build(g, &Given { roles: &roles, columns: &columns, groups, settings });
        built.metrics.extend(g.scope("metrics", |g| {
            let tokens = TokenNumbers::new(g, passed.logits, log_probability);
            metric::build(g, loss, tokens, &members)
        }));
        built
    });
    let mut mean = op::div(g, built.loss, units);
    let mut outputs: Vec<(&'static str, Value)> =
        built.metrics.into_iter().map(|(name, sum)| (name, op::div(g, sum, units))).collect();
    if let Some(aux) = auxiliary {
        let (share, metrics) = g.scope("auxiliary", |g| add_term(g, aux, &passed.forward, &named));
        mean = op::add(g, mean, share);
        outputs.extend(metrics);
    }
    let gradients = g.scope("backward", |g| {
        let segments = segments(g, form, batch.tokens);
        let gradients = backward::gradients_recomputing(g, mean, &pieces, &segments);
        let flat: Vec<Value> = (gradients.iter().zip(layout.slots()))
            .map(|(gradient, slot)| op::reshape(g, *gradient, &[Dim::known(slot.len())]))
            .collect();
        op::concat(g, &flat, 0)
    });
    g.output(name::LOSS, mean);
    g.output(name::GRADIENT, gradients);
    for (metric, mean) in &outputs {
        g.output(metric, *mean);
    }
    let metrics = outputs.into_iter().map(|(name, _)| name).collect();
    TrainingGraph { graph, layout, loss, metrics, auxiliary: auxiliary.cloned() }
}

/// What the forward pass gives.
struct Passed {
    /// f32 `[selected, vocabulary]`.
    logits: Value,
    forward: Forward,
}

/// The forward pass with weights cut out of the flat vector, or with adapters that are.
fn pass(
    g: &mut Graph,
    network: &dyn Network,
    trained: &Trained,
    named: &BTreeMap<String, Value>,
    batch: &Inputs,
    form: Form,
) -> Passed {
    match trained {
        Trained::All => {
            let frozen = Initializers::new(form.dtype);
            batch.logits(g, network, &mut Flat { pieces: named.clone(), dtype: form.dtype, frozen })
        }
        Trained::Adapters(lora, targets) => {
            let adapters = targets.iter().map(|t| (t.weight(), [named[&t.a()], named[&t.b()]])).collect();
            let dropout = (lora.dropout > 0.0).then(|| batch.dropout(g, lora.dropout));
            let weights = Adapted::new(Initializers::new(form.dtype), adapters, lora.scale());
            batch.logits(g, network, &mut weights.with_dropout(dropout))
        }
    }
}

/// The share of the loss that an auxiliary term adds, and its metrics, all as means over the questions of the step.
fn add_term(
    g: &mut Graph,
    aux: &Auxiliary,
    forward: &Forward,
    named: &BTreeMap<String, Value>,
) -> (Value, Vec<(&'static str, Value)>) {
    let questions = Dim::symbol("questions");
    let anchors = g.input(name::ANCHORS, DType::I64, &[questions.clone(), Dim::known(aux.languages)]);
    let weights = g.input(name::ANCHOR_WEIGHTS, DType::F32, &[questions]);
    let states = auxiliary::states(g, aux, &forward.states, forward.hidden, anchors);
    let extractor =
        (aux.extractor).map(|_| [auxiliary::name::WEIGHT, auxiliary::name::BIAS].map(|name| named[name]));
    let built = aux.build(g, states, extractor);
    let mean = |g: &mut Graph, values: Value| {
        let weighted = op::mul(g, values, weights);
        op::reduce_sum(g, weighted, &[0], op::KeepDims::No)
    };
    let loss = mean(g, built.losses);
    let mut metrics = vec![(aux.term.loss_name(), loss)];
    metrics.extend(built.metrics.into_iter().map(|(name, values)| (name, mean(g, values))));
    let weight = g.scalar(aux.weight, DType::F32);
    (op::mul(g, loss, weight), metrics)
}

/// What the backward pass computes again.
fn segments(g: &Graph, form: Form, tokens: Value) -> backward::Segments {
    if !form.recompute {
        return backward::Segments::default();
    }
    let segments = backward::Segments::numbered(g, LAYERS, tokens);
    if segments.is_empty() {
        bug("a network without layers to compute again");
    }
    segments
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

/// The inputs that describe a batch.
struct Inputs {
    /// Extents `[rows, tokens]`.
    row: [Dim; 2],
    tokens: Value,
    positions: Value,
    segments: Value,
    selected: Value,
    labels: Value,
}

impl Inputs {
    fn new(g: &mut Graph) -> Self {
        let row = [Dim::symbol("rows"), Dim::symbol("tokens")];
        let selected = [Dim::symbol("selected")];
        Self {
            tokens: g.input(name::TOKENS, DType::I64, &row),
            positions: g.input(name::POSITIONS, DType::I64, &row),
            segments: g.input(name::SEGMENTS, DType::I64, &row),
            selected: g.input(name::SELECTED, DType::I64, &selected),
            labels: g.input(name::LABELS, DType::I64, &selected),
            row,
        }
    }

    /// The forward pass, with the logits at the selected positions.
    fn logits(&self, g: &mut Graph, network: &dyn Network, weights: &mut dyn Parameters) -> Passed {
        let mode = Mode::Rows { positions: self.positions, segments: self.segments };
        let forward = network.forward(g, weights, self.tokens, &mode);
        let width = network.sizes().width;
        let states = op::reshape(g, forward.hidden, &[Dim::product(&self.row), Dim::known(width)]);
        let states = op::gather(g, states, self.selected, 0); // [selected, width]
        let logits = network.head(g, weights, states);
        Passed { logits: op::cast(g, logits, DType::F32), forward }
    }

    /// Dropout with keys for all tokens and for the selected ones, which an adapted head meets.
    fn dropout(&self, g: &mut Graph, rate: f64) -> Dropout {
        let keys = g.input(name::DROPOUT, DType::I64, &self.row);
        let flat = op::reshape(g, keys, &[Dim::product(&self.row)]);
        let selected = op::gather(g, flat, self.selected, 0);
        Dropout::new(rate, vec![keys, selected])
    }
}

/// The inputs of numbers per example that a loss asks for.
fn columns(g: &mut Graph, loss: &dyn Loss) -> Vec<Value> {
    let input = |name: &&str| g.input(name, DType::F32, &[Dim::symbol("examples")]);
    loss.column_names().iter().map(input).collect()
}

/// Which examples make up each group, if the loss is one over groups.
fn groups(g: &mut Graph, loss: &dyn Loss) -> Option<Value> {
    let shape = [Dim::symbol("groups"), Dim::symbol("examples")];
    (loss.unit() == Unit::Group).then(|| g.input(name::GROUPS, DType::F32, &shape))
}

/// Brings token log-probabilities into the form a loss wants for one role, and adds the role's matrix to `all`.
fn reduce(g: &mut Graph, loss: &dyn Loss, role: &str, log_probability: Value, all: &mut Vec<Value>) -> Role {
    if loss.unit() == Unit::Token {
        return Role { log_probability, tokens: None, reference: None };
    }
    let examples = Dim::symbol("examples");
    let shape = [examples.clone(), Dim::symbol("selected")];
    let members = g.input(&name::members(role), DType::F32, &shape);
    all.push(members);
    let column = op::reshape(g, log_probability, &[shape[1].clone(), Dim::known(1)]);
    let sums = op::matmul(g, members, column);
    let sums = op::reshape(g, sums, std::slice::from_ref(&examples));
    let tokens = op::reduce_sum(g, members, &[1], op::KeepDims::No);
    let reference =
        (loss.needs_reference()).then(|| g.input(&name::reference(role), DType::F32, &[examples]));
    Role { log_probability: sums, tokens: Some(tokens), reference }
}

/// Weights that are cut out of the flat vector.
struct Flat {
    pieces: BTreeMap<String, Value>,
    /// The type they are used in.
    dtype: DType,
    frozen: Initializers,
}

impl Parameters for Flat {
    fn weight(&mut self, g: &mut Graph, name: &str, shape: &[usize]) -> Value {
        match self.pieces.get(name) {
            Some(piece) => op::cast(g, *piece, self.dtype),
            None => self.frozen.weight(g, name, shape),
        }
    }
}
