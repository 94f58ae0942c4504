//! Attention of new tokens over a key-value cache.

use super::{Heads, Scores};
use crate::{
    dims,
    failure::bug,
    graph::{Dim, Graph, Value, op},
    model::layer::rope::{self, Angles, Pairs, Rotary},
    tensor::{DType, Tensor},
};

/// Keys and values of one layer, each `[B,K,capacity,E]`.
#[derive(Clone, Copy, Debug)]
pub struct KeyValue {
    /// Keys, already rotated.
    pub key: Value,
    /// Values.
    pub value: Value,
}

/// How far each row has come, for attention over a cache.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    /// Number of tokens of each row, the new ones included, less one: i32 `[B]`.
    pub last: Value,
    /// The largest number of tokens of any row, the new ones included: i32, no axis. Equal to T for a prefill.
    pub total: Value,
}

/// Where the rotation by position happens in [`cached`].
#[derive(Clone, Copy, Debug)]
pub enum Rotation {
    /// In the attention kernel, from tables `[capacity, E/2]`.
    Kernel(Angles),
    /// Before it, by angles `[B,T,1,E/2]`: the kernel rotates only heads whose width is a multiple
    /// of [`op::HEAD_MULTIPLE`].
    Before(Angles),
}

impl Rotation {
    /// The rotation of `tokens [B,T]` new tokens for heads of a given width.
    pub fn new(g: &mut Graph, heads: Heads, rotary: &Rotary, new: &New) -> Self {
        if heads.width.is_multiple_of(op::HEAD_MULTIPLE) {
            return Self::Kernel(rope::table(g, new.capacity, rotary, new.dtype));
        }
        let offsets = op::range(g, &new.tokens); // 0..T
        let behind = new.tokens.minus(&Dim::known(1)); // T - 1
        let behind = crate::graph::extents(g, &[behind]);
        let last = op::cast(g, new.lengths.last, DType::I64);
        let last = op::unsqueeze(g, last, &[1]); // [B] -> [B,1]
        let first = op::sub(g, last, behind);
        let positions = op::add(g, first, offsets); // [B,T]
        Self::Before(rope::angles(g, positions, rotary, new.dtype))
    }
}

/// New tokens that meet a cache.
#[derive(Clone, Debug)]
pub struct New {
    /// T: how many per row.
    pub tokens: Dim,
    /// How far each row has come.
    pub lengths: Lengths,
    /// How many positions the cache has.
    pub capacity: usize,
    /// Type of the activations.
    pub dtype: DType,
}

/// What new tokens of one layer meet.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Keys and values of earlier tokens.
    pub cache: KeyValue,
    /// How far each row has come.
    pub lengths: Lengths,
    /// How queries and keys are rotated; without, positions play no part.
    pub rotation: Option<Rotation>,
}

/// Attention of new tokens over a cache, which it extends: `query [B,T,H,E]`, `key` and `value` `[B,T,K,E]`, none of
/// them rotated yet -> `[B,T,H*E]` and the extended cache.
pub fn cached(
    g: &mut Graph,
    heads: Heads,
    scores: Scores,
    [query, key, value]: [Value; 3],
    past: Past,
) -> (Value, KeyValue) {
    let (query, key, table) = match past.rotation {
        None => (query, key, None),
        Some(Rotation::Kernel(table)) => (query, key, Some(table)),
        Some(Rotation::Before(angles)) => {
            (rope::rotate(g, query, angles), rope::rotate(g, key, angles), None)
        }
    };
    let (query, scale, head_sink) = scaled(g, heads, query, scores.scale);
    let inputs = op::GroupQueryInputs {
        query: flat(g, query),
        key: flat(g, key),
        value: flat(g, value),
        past_key: past.cache.key,
        past_value: past.cache.value,
        seqlens_k: past.lengths.last,
        total_sequence_length: past.lengths.total,
        rotary: table.map(|table| (table.cos, table.sin)),
        head_sink,
    };
    let settings = op::GroupQueryAttention {
        heads: heads.query,
        kv_heads: heads.key_value,
        scale,
        window: scores.window,
        softcap: scores.cap.map(|cap| cap as f32),
        interleaved: table.is_some_and(|table| table.pairs == Pairs::Neighbours),
    };
    let outputs = op::group_query_attention(g, &inputs, settings);
    (outputs.output, KeyValue { key: outputs.present_key, value: outputs.present_value })
}

/// Where `scale` is applied: the query `[B,T,H,E]`, the factor that is left to the kernel, and a head sink if any.
///
/// For one new token per row the CPU kernel has a slow way, row by row with a hand-over between threads at each, and a
/// fast one, which it takes if there is a head sink and nothing to scale. So the query is scaled before, and the sink is
/// so low that it weighs exactly nothing.
fn scaled(g: &mut Graph, heads: Heads, query: Value, scale: f64) -> (Value, f32, Option<Value>) {
    if !g.shape(query)[1].is(1) || g.dtype(query) != DType::F32 {
        return (query, scale as f32, None);
    }
    let scale = g.scalar(scale, DType::F32);
    let nothing = Tensor::f32(&[heads.query], vec![-1e30; heads.query]);
    let sink = g.constant(nothing.unwrap_or_else(|| bug("a vector of the wrong size")));
    (op::mul(g, query, scale), 1.0, Some(sink))
}

/// `[B,T,H,E] -> [B,T,H*E]`.
fn flat(g: &mut Graph, x: Value) -> Value {
    let shape = g.shape(x);
    op::reshape(g, x, &dims![&shape[0], &shape[1], Dim::product(&shape[2..])])
}
