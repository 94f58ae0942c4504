//! Runs gradient and optimizer steps on buffers that stay on the device.
//!
//! Two graphs share the flat buffers: the training graph reads the trainable vector and writes the gradient, the
//! optimizer's graph reads the gradient and replaces vector and moments in place. A third adds up the gradients of
//! several batches, when a step has several. Only losses, metrics and the gradient's norm come back to the host.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{batch::Batch, graph::name, layout::Layout, program::Program, state::State};
use crate::{
    checkpoint::Weights,
    failure::{Failure, bug},
    graph::{Dim, Graph, export, op},
    model::{
        loss::{Loss, Unit},
        optim::adamw::{self, AdamW},
    },
    runtime::{Binding, Buffer, Runtime, Session, SessionOptions},
    tensor::{DType, Tensor},
};

/// A session with the buffers of its inputs and outputs.
struct Bound {
    session: Session,
    binding: Binding,
}

impl Bound {
    fn new(
        runtime: &Runtime,
        graph: &Graph,
        weights: Weights,
        options: &SessionOptions,
    ) -> Result<Self, Failure> {
        let bytes = export::model(graph, &export::Description::default(), &BTreeMap::new());
        Self::from_bytes(runtime, &bytes, weights, options)
    }

    fn from_bytes(
        runtime: &Runtime,
        bytes: &[u8],
        weights: Weights,
        options: &SessionOptions,
    ) -> Result<Self, Failure> {
        let session = runtime.session(bytes, weights, options)?;
        let binding = session.binding()?;
        Ok(Self { session, binding })
    }

    fn run(&mut self) -> Result<BTreeMap<String, Tensor>, Failure> {
        self.binding.run(&mut self.session)
    }
}

/// What the batches of a step gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    /// The loss.
    pub loss: f64,
    /// The metrics of the loss.
    pub metrics: BTreeMap<String, f64>,
}

/// The state of a training run on the device, and the sessions that move it.
pub struct Stepper {
    gradient: Bound,
    sum: Option<Bound>,
    update: Bound,
    loss: &'static dyn Loss,
    /// The names of the training graph's inputs.
    inputs: BTreeSet<String>,
    metrics: Vec<String>,
    trainable: Buffer,
    first: Buffer,
    second: Buffer,
    /// The gradient of the step so far.
    total: Buffer,
    /// The gradient of a further batch.
    further: Option<Buffer>,
    rates: Buffer,
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper")
            .field("loss", &self.loss)
            .field("trainable", &self.trainable)
            .finish_non_exhaustive()
    }
}

impl Stepper {
    /// Makes the sessions and their buffers, all zero. `frozen` are the weights that are not trained; `accumulates` says
    /// whether a step may have several batches.
    pub fn new(
        runtime: &Runtime,
        program: &Program,
        frozen: Weights,
        optimizer: &AdamW,
        accumulates: bool,
        options: &SessionOptions,
    ) -> Result<Self, Failure> {
        let len = program.layout.len();
        let mut gradient = Bound::from_bytes(runtime, &program.onnx, frozen, options)?;
        let flat = || gradient.session.buffer(DType::F32, &[len]);
        let (trainable, first, second, total) = (flat()?, flat()?, flat()?, flat()?);
        let further = accumulates.then(flat).transpose()?;
        gradient.binding.input(name::TRAINABLE, &trainable)?;
        gradient.binding.fetch(name::LOSS)?;
        for metric in &program.metrics {
            gradient.binding.fetch(metric)?;
        }

        let (decayed, auxiliary) = (program.layout.decayed(), program.layout.auxiliary());
        let graph = optimizer.graph(len, decayed, auxiliary);
        let mut update = Bound::new(runtime, &graph, masks(optimizer, &program.layout), options)?;
        let rates = update.session.host_buffer(DType::F32, &[if auxiliary > 0 { 6 } else { 3 }])?;
        for (name, buffer) in [
            (adamw::name::TRAINABLE, &trainable),
            (adamw::name::FIRST, &first),
            (adamw::name::SECOND, &second),
            (adamw::name::GRADIENT, &total),
            (adamw::name::RATES, &rates),
        ] {
            update.binding.input(name, buffer)?;
        }
        for (name, buffer) in [
            (adamw::name::NEXT_TRAINABLE, &trainable),
            (adamw::name::NEXT_FIRST, &first),
            (adamw::name::NEXT_SECOND, &second),
        ] {
            update.binding.output(name, buffer)?;
        }
        update.binding.fetch(adamw::name::NORM)?;
        let sum = further.as_ref().map(|further| sum(runtime, &total, further, options)).transpose()?;
        let Program { loss, inputs, metrics, .. } = program.clone();
        Ok(Self {
            gradient,
            sum,
            update,
            loss,
            inputs,
            metrics,
            trainable,
            first,
            second,
            total,
            further,
            rates,
        })
    }

    /// Puts a state on the device.
    pub fn set(&self, state: &State) -> Result<(), Failure> {
        for (buffer, values) in
            [(&self.trainable, &state.trainable), (&self.first, &state.first), (&self.second, &state.second)]
        {
            buffer.write(&f32s(&[values.len()], values.clone()))?;
        }
        Ok(())
    }

    /// Reads the state after `step` optimizer steps from the device.
    pub fn state(&self, step: usize) -> Result<State, Failure> {
        let read = |buffer: &Buffer| -> Result<Vec<f32>, Failure> {
            Ok(buffer.read()?.as_f32().unwrap_or_else(|| bug("a state buffer of another type")).to_vec())
        };
        Ok(State {
            step,
            trainable: read(&self.trainable)?,
            first: read(&self.first)?,
            second: read(&self.second)?,
        })
    }

    /// The gradient of the last [`Self::gradient`], as it is before clipping.
    pub fn read_gradient(&self) -> Result<Tensor, Failure> {
        self.total.read()
    }

    /// Computes the gradient of a step: the sum over its batches, as the mean over `units` tokens, examples or groups.
    pub fn gradient(&mut self, batches: &[Batch], units: usize) -> Result<Reported, Failure> {
        let mut reported = Reported::default();
        for (index, batch) in batches.iter().enumerate() {
            let target = if index == 0 { Some(&self.total) } else { self.further.as_ref() };
            let target = target.unwrap_or_else(|| bug("a second batch without a buffer for its gradient"));
            self.gradient.binding.output(name::GRADIENT, target)?;
            let wanted = |(name, _): &(String, Tensor)| self.inputs.contains(name);
            for (name, tensor) in inputs(self.loss, batch, units).into_iter().filter(wanted) {
                let buffer = self.gradient.session.host_buffer(tensor.dtype(), tensor.shape())?;
                buffer.write(&tensor)?;
                self.gradient.binding.input(&name, &buffer)?;
            }
            let outputs = self.gradient.run()?;
            reported.loss += scalar(&outputs, name::LOSS);
            for metric in &self.metrics {
                *reported.metrics.entry(metric.clone()).or_default() += scalar(&outputs, metric);
            }
            if index > 0 {
                self.sum.as_mut().unwrap_or_else(|| bug("a second batch without a sum")).run()?;
            }
        }
        Ok(reported)
    }

    /// Moves the trainable vector along the gradient, and returns the gradient's norm before clipping.
    ///
    /// `rates` are those of [`AdamW::rates`], or of [`AdamW::rates_with_auxiliary`] if the vector has an auxiliary part.
    pub fn update(&mut self, rates: &[f32]) -> Result<f64, Failure> {
        self.rates.write(&f32s(&[rates.len()], rates.to_vec()))?;
        let outputs = self.update.run()?;
        Ok(scalar(&outputs, adamw::name::NORM))
    }
}

/// The inputs of a training graph for one batch.
pub fn inputs(loss: &dyn Loss, batch: &Batch, units: usize) -> Vec<(String, Tensor)> {
    let rows = [batch.rows, batch.width];
    let scored = [batch.scored()];
    let mut inputs = vec![
        (name::TOKENS.to_owned(), i64s(&rows, batch.tokens.clone())),
        (name::POSITIONS.to_owned(), i64s(&rows, batch.positions.clone())),
        (name::SEGMENTS.to_owned(), i64s(&rows, batch.segments.clone())),
        (name::SELECTED.to_owned(), i64s(&scored, batch.selected.clone())),
        (name::LABELS.to_owned(), i64s(&scored, batch.labels.clone())),
        (name::UNITS.to_owned(), f32s(&[], vec![units as f32])),
    ];
    if !batch.keys.is_empty() {
        inputs.push((name::DROPOUT.to_owned(), i64s(&rows, batch.keys.clone())));
    }
    for (number, role) in loss.roles().iter().enumerate() {
        if loss.unit() != Unit::Token {
            inputs
                .push((name::members(role), f32s(&[batch.examples, batch.scored()], batch.members(number))));
        }
        if loss.needs_reference() {
            inputs.push((name::reference(role), f32s(&[batch.examples], batch.reference(number))));
        }
    }
    for (number, name) in loss.column_names().iter().enumerate() {
        inputs.push(((*name).to_owned(), f32s(&[batch.examples], batch.column(number))));
    }
    if let Some(questions) = Some(batch.anchor_weights.len()).filter(|questions| *questions > 0) {
        let shape = [questions, batch.anchors.len() / questions];
        inputs.push((name::ANCHORS.to_owned(), i64s(&shape, batch.anchors.clone())));
        inputs.push((name::ANCHOR_WEIGHTS.to_owned(), f32s(&[questions], batch.anchor_weights.clone())));
    }
    if loss.unit() == Unit::Group {
        let shape = [batch.group_count(), batch.examples];
        inputs.push((name::GROUPS.to_owned(), f32s(&shape, batch.group_members())));
    }
    inputs
}

/// `total <- total + further`.
fn sum(
    runtime: &Runtime,
    total: &Buffer,
    further: &Buffer,
    options: &SessionOptions,
) -> Result<Bound, Failure> {
    let mut graph = Graph::new();
    let flat = [Dim::known(total.shape()[0])];
    let left = graph.input("total", DType::F32, &flat);
    let right = graph.input("further", DType::F32, &flat);
    let both = op::add(&mut graph, left, right);
    graph.output("next_total", both);
    let mut bound = Bound::new(runtime, &graph, Weights::new(), options)?;
    bound.binding.input("total", total)?;
    bound.binding.input("further", further)?;
    bound.binding.output("next_total", total)?;
    Ok(bound)
}

/// The masks that the optimizer's graph asks for: of weight decay and of the auxiliary part.
fn masks(optimizer: &AdamW, layout: &Layout) -> Weights {
    let (len, decayed, auxiliary) = (layout.len(), layout.decayed(), layout.auxiliary());
    let mut masks = Weights::new();
    let mut add = |name: &str, ones: std::ops::Range<usize>| {
        let mut mask = vec![0.0; len];
        mask[ones].fill(1.0);
        masks.insert(name.to_owned(), Arc::new(f32s(&[len], mask)));
    };
    if optimizer.weight_decay > 0.0 && decayed > 0 && decayed < len {
        add(adamw::name::DECAYED, 0..decayed);
    }
    if auxiliary > 0 {
        add(adamw::name::AUXILIARY, len - auxiliary..len);
    }
    masks
}

fn scalar(outputs: &BTreeMap<String, Tensor>, name: &str) -> f64 {
    let value = outputs.get(name).and_then(Tensor::as_f32).and_then(|values| values.first().copied());
    f64::from(value.unwrap_or_else(|| bug(format!("the training graph has no number `{name}`"))))
}

fn f32s(shape: &[usize], values: Vec<f32>) -> Tensor {
    Tensor::f32(shape, values).unwrap_or_else(|| bug("a batch of the wrong size"))
}

fn i64s(shape: &[usize], values: Vec<i64>) -> Tensor {
    Tensor::i64(shape, values).unwrap_or_else(|| bug("a batch of the wrong size"))
}
