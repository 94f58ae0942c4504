//! A network in sessions with key-value caches that stay in place: what [`super::generate`] runs on.
//!
//! Three sessions share the caches. The *prefill* computes a prompt into a cache of one row; *place* copies that row into
//! a slot of the slots' caches; a *step* takes one token in every slot. Every cache is bound as past and as present at
//! once, so nothing but the new keys and values is ever written.
//!
//! # Decisions
//! - Prompts are computed one by one, in their own length: a prompt's numbers then have nothing to do with other prompts.
//! - Copying between caches is a graph of `ScatterND`, not host code, so that it works wherever the caches lie.

use super::{
    generate::CachedModel,
    load::{Decoder, Rows},
};
use crate::{
    dims,
    failure::{Failure, bug},
    graph::{
        Dim, Graph, Value,
        export::{self, Description},
        op,
    },
    model::{
        arch::{Mode, Sizes},
        layer::attention::{KeyValue, Lengths},
    },
    runtime::{Binding, Buffer, Runtime, Session, SessionOptions, SharedWeights},
    tensor::{DType, Tensor},
};

/// Keys and values of one layer.
#[derive(Clone, Debug)]
struct Cache {
    key: Buffer,
    value: Buffer,
}

/// The small host tensors that every run reads, and the logits it writes.
#[derive(Debug)]
struct Ends {
    last: Buffer,
    total: Buffer,
    logits: Buffer,
}

/// A session with its binding.
#[derive(Debug)]
struct Bound {
    session: Session,
    binding: Binding,
}

/// A decoder with a fixed number of slots.
#[derive(Debug)]
pub struct Slots {
    count: usize,
    capacity: usize,
    prefill: Bound,
    prefill_ends: Ends,
    place: Bound,
    place_slot: Buffer,
    step: Bound,
    step_tokens: Buffer,
    step_ends: Ends,
}

impl Slots {
    /// Sets up `count` slots of `capacity` tokens each.
    pub fn new(runtime: &Runtime, decoder: &Decoder, count: usize, capacity: usize) -> Result<Self, Failure> {
        let sizes = decoder.network.sizes();
        let prepack = decoder.prepacks();
        let session = |onnx: Vec<u8>, weights: &SharedWeights, memory_pattern: bool| {
            // This optimizer would undo what `Decoder::parameters` does for few rows.
            let without_optimizers = vec!["GemmTransposeFusion".to_owned()];
            let options =
                SessionOptions { memory_pattern, prepack, without_optimizers, ..SessionOptions::default() };
            let session = runtime.session_sharing(&onnx, weights, &options)?;
            Ok::<_, Failure>(Bound { binding: session.binding()?, session })
        };
        let dtype = decoder.dtype;
        let tokens = Dim::symbol("tokens");
        let prefill_graph = forward_graph(decoder, &Shape { rows: 1, tokens, capacity });
        let mut prefill = session(prefill_graph, &decoder.weights, false)?;
        let step_shape = Shape { rows: count, tokens: Dim::known(1), capacity };
        let mut step = session(forward_graph(decoder, &step_shape), &decoder.weights, true)?;
        let mut place =
            session(place_graph(&sizes, dtype, count, capacity), &SharedWeights::default(), true)?;

        let prompt = caches(&prefill.session, &sizes, dtype, 1, capacity)?;
        let slots = caches(&step.session, &sizes, dtype, count, capacity)?;
        bind_in_place(&mut prefill.binding, &prompt)?;
        bind_in_place(&mut step.binding, &slots)?;
        bind_in_place(&mut place.binding, &slots)?;
        for (layer, cache) in prompt.iter().enumerate() {
            place.binding.input(&format!("prompt.{layer}.key"), &cache.key)?;
            place.binding.input(&format!("prompt.{layer}.value"), &cache.value)?;
        }
        let place_slot = place.session.host_buffer(DType::I64, &[1, 1])?;
        place.binding.input("slot", &place_slot)?;
        let prefill_ends = Ends::bind(&mut prefill, 1, sizes.vocabulary)?;
        let step_ends = Ends::bind(&mut step, count, sizes.vocabulary)?;
        let step_tokens = step.session.host_buffer(DType::I64, &[count, 1])?;
        step.binding.input("tokens", &step_tokens)?;
        Ok(Self { count, capacity, prefill, prefill_ends, place, place_slot, step, step_tokens, step_ends })
    }
}

impl CachedModel for Slots {
    fn slots(&self) -> usize {
        self.count
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn prefill(&mut self, prompt: &[u32]) -> Result<Vec<f32>, Failure> {
        let tokens = self.prefill.session.host_buffer(DType::I64, &[1, prompt.len()])?;
        tokens.write(&integers(&[1, prompt.len()], prompt.iter().copied().map(i64::from)))?;
        self.prefill.binding.input("tokens", &tokens)?;
        self.prefill_ends.set_lengths(&[prompt.len()])?;
        self.prefill.binding.run(&mut self.prefill.session)?;
        Ok(self.prefill_ends.logits.view_f32().to_vec())
    }

    fn place(&mut self, slot: usize) -> Result<(), Failure> {
        self.place_slot.write(&integers(&[1, 1], [slot as i64]))?;
        self.place.binding.run(&mut self.place.session)?;
        Ok(())
    }

    fn step(&mut self, tokens: &[u32], positions: &[usize]) -> Result<(), Failure> {
        self.step_tokens.write(&integers(&[self.count, 1], tokens.iter().copied().map(i64::from)))?;
        let lengths: Vec<usize> = positions.iter().map(|position| position + 1).collect();
        self.step_ends.set_lengths(&lengths)?;
        self.step.binding.run(&mut self.step.session)?;
        Ok(())
    }

    fn with_logits(&self, read: &mut dyn FnMut(&[f32])) {
        read(&self.step_ends.logits.view_f32());
    }
}

impl Ends {
    fn bind(bound: &mut Bound, rows: usize, vocabulary: usize) -> Result<Self, Failure> {
        let buffer = |dtype, shape: &[usize]| bound.session.host_buffer(dtype, shape);
        let last = buffer(DType::I32, &[rows])?;
        let total = buffer(DType::I32, &[])?;
        let logits = buffer(DType::F32, &[rows, vocabulary])?;
        bound.binding.input("last", &last)?;
        bound.binding.input("total", &total)?;
        bound.binding.output("logits", &logits)?;
        Ok(Self { last, total, logits })
    }

    /// Tells the kernels how many tokens each row has, the new ones included.
    fn set_lengths(&self, lengths: &[usize]) -> Result<(), Failure> {
        let last: Vec<i32> = lengths.iter().map(|length| *length as i32 - 1).collect();
        let longest = last.iter().max().map_or(0, |last| last + 1);
        self.last.write(&small_integers(&[lengths.len()], last))?;
        self.total.write(&small_integers(&[], vec![longest]))
    }
}

fn integers(shape: &[usize], values: impl IntoIterator<Item = i64>) -> Tensor {
    let values: Vec<i64> = values.into_iter().collect();
    Tensor::i64(shape, values).unwrap_or_else(|| bug("token ids that do not fit their buffer"))
}

fn small_integers(shape: &[usize], values: Vec<i32>) -> Tensor {
    Tensor::i32(shape, values).unwrap_or_else(|| bug("lengths that do not fit their buffer"))
}

fn caches(
    session: &Session,
    sizes: &Sizes,
    dtype: DType,
    rows: usize,
    capacity: usize,
) -> Result<Vec<Cache>, Failure> {
    let shape = [rows, sizes.heads.key_value, capacity, sizes.heads.width];
    let cache = |_| Ok(Cache { key: session.buffer(dtype, &shape)?, value: session.buffer(dtype, &shape)? });
    (0..sizes.layers).map(cache).collect()
}

fn bind_in_place(binding: &mut Binding, caches: &[Cache]) -> Result<(), Failure> {
    for (layer, cache) in caches.iter().enumerate() {
        for (part, buffer) in [("key", &cache.key), ("value", &cache.value)] {
            binding.input(&format!("past.{layer}.{part}"), buffer)?;
            binding.output(&format!("present.{layer}.{part}"), buffer)?;
        }
    }
    Ok(())
}

/// The shape of a forward pass with caches.
struct Shape {
    rows: usize,
    tokens: Dim,
    capacity: usize,
}

/// Declares the caches of all layers as inputs named `{prefix}.{layer}.key` and `.value`.
fn declare_caches(
    g: &mut Graph,
    sizes: &Sizes,
    dtype: DType,
    prefix: &str,
    [rows, capacity]: [usize; 2],
) -> Vec<KeyValue> {
    let shape = dims![rows, sizes.heads.key_value, capacity, sizes.heads.width];
    let mut part = |layer: usize, part: &str| g.input(&format!("{prefix}.{layer}.{part}"), dtype, &shape);
    (0..sizes.layers).map(|layer| KeyValue { key: part(layer, "key"), value: part(layer, "value") }).collect()
}

fn name_present(g: &mut Graph, present: &[KeyValue]) {
    for (layer, cache) in present.iter().enumerate() {
        g.output(&format!("present.{layer}.key"), cache.key);
        g.output(&format!("present.{layer}.value"), cache.value);
    }
}

/// New tokens with caches in, logits of each row's last token out.
fn forward_graph(decoder: &Decoder, shape: &Shape) -> Vec<u8> {
    let Decoder { network, dtype, .. } = decoder;
    let sizes = network.sizes();
    let mut g = Graph::new();
    let tokens = g.input("tokens", DType::I64, &dims![shape.rows, &shape.tokens]);
    let last = g.input("last", DType::I32, &dims![shape.rows]);
    let total = g.input("total", DType::I32, &[]);
    let past = declare_caches(&mut g, &sizes, *dtype, "past", [shape.rows, shape.capacity]);
    let mut weights = decoder.parameters(&mut g, Rows::Few);
    let mode = Mode::Cached { past, lengths: Lengths { last, total } };
    let forward = network.forward(&mut g, &mut *weights, tokens, &mode);
    let end = op::reshape(&mut g, forward.hidden, &dims![shape.rows, sizes.width]);
    let logits = network.head(&mut g, &mut *weights, end);
    let logits = op::cast(&mut g, logits, DType::F32);
    g.output("logits", logits);
    name_present(&mut g, &forward.present);
    export::model(&g, &Description { name: "decode".to_owned(), ..Description::default() }, &[].into())
}

/// The caches of a prompt in, the slots' caches with them in one slot out.
fn place_graph(sizes: &Sizes, dtype: DType, slots: usize, capacity: usize) -> Vec<u8> {
    let mut g = Graph::new();
    let slot = g.input("slot", DType::I64, &dims![1, 1]);
    let prompt = declare_caches(&mut g, sizes, dtype, "prompt", [1, capacity]);
    let past = declare_caches(&mut g, sizes, dtype, "past", [slots, capacity]);
    let mut put = |past: Value, prompt: Value| op::scatter_nd(&mut g, past, slot, prompt);
    let present: Vec<KeyValue> = (past.iter().zip(&prompt))
        .map(|(past, prompt)| KeyValue {
            key: put(past.key, prompt.key),
            value: put(past.value, prompt.value),
        })
        .collect();
    name_present(&mut g, &present);
    export::model(&g, &Description { name: "place".to_owned(), ..Description::default() }, &[].into())
}
