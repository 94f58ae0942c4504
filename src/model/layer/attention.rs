//! Causal self-attention over rows whose branches share a prefix, with grouped query heads.
//!
//! The query heads of one key-value head are folded into the time axis (`[B,K,G*T,E]`), so keys and values are never
//! repeated: both products are plain batched matrix products over B * K.

use crate::{
    dims,
    graph::{Dim, Graph, Value, op},
    model::layer::rope::{self, Angles},
    tensor::DType,
};

/// How many heads there are, and how wide they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// H: query heads.
    pub query: usize,
    /// K: key-value heads; divides `query`.
    pub key_value: usize,
    /// E: elements per head; even.
    pub width: usize,
}

impl Heads {
    /// Width of all query heads together.
    pub fn query_width(self) -> usize {
        self.query * self.width
    }

    /// Width of all key heads together, and of all value heads.
    pub fn key_value_width(self) -> usize {
        self.key_value * self.width
    }

    /// The factor on scores.
    pub fn scale(self) -> f64 {
        1.0 / (self.width as f64).sqrt()
    }
}

/// What is added to the scores: 0 where a token may look, a large negative number elsewhere. `positions` and
/// `segments` are i64 `[B,T]` as in [`crate::model::row`]; the result is f32 `[B,1,1,T,T]` (query, key).
pub fn bias(g: &mut Graph, positions: Value, segments: Value) -> Value {
    let as_query = |g: &mut Graph, x: Value| op::unsqueeze(g, x, &[2]); // [B,T] -> [B,T,1]
    let as_key = |g: &mut Graph, x: Value| op::unsqueeze(g, x, &[1]); // [B,T] -> [B,1,T]
    let (query_segment, key_segment) = (as_query(g, segments), as_key(g, segments));
    let (query_position, key_position) = (as_query(g, positions), as_key(g, positions));
    let group = g.scalar(crate::model::row::GROUP as f64, DType::I64);
    let branch = op::modulo(g, query_segment, group);
    let prompt = op::sub(g, query_segment, branch);
    let in_prompt = op::equal(g, key_segment, prompt);
    let in_branch = op::equal(g, key_segment, query_segment);
    let related = op::or(g, in_prompt, in_branch);
    let before = op::less_or_equal(g, key_position, query_position);
    let visible = op::and(g, related, before); // [B,T,T]
    // Finite, so that even a row of padding has a softmax.
    let (open, closed) = (g.scalar(0.0, DType::F32), g.scalar(-1e30, DType::F32));
    let bias = op::where_(g, visible, open, closed);
    op::unsqueeze(g, bias, &[1, 2])
}

/// Softmax attention: `query [B,T,H,E]`, `key` and `value` `[B,T,K,E]`, `bias [B,1,1,T,T]` -> `[B,T,H*E]`.
pub fn attention(g: &mut Graph, heads: Heads, query: Value, key: Value, value: Value, bias: Value) -> Value {
    let shape = g.shape(query);
    let (batch, time) = (shape[0].clone(), shape[1].clone());
    let (groups, pairs, width) = (heads.query / heads.key_value, heads.key_value, heads.width);
    let folded = Dim::known(groups).times(&time);

    let scale = g.scalar(heads.scale(), g.dtype(query));
    let query = op::mul(g, query, scale);
    let query = op::reshape(g, query, &dims![&batch, &time, pairs, groups, width]);
    let query = op::transpose(g, query, &[0, 2, 3, 1, 4]); // [B,T,K,G,E] -> [B,K,G,T,E]
    let query = op::reshape(g, query, &dims![&batch, pairs, &folded, width]);
    let key = op::transpose(g, key, &[0, 2, 3, 1]); // [B,T,K,E] -> [B,K,E,T]
    let value = op::transpose(g, value, &[0, 2, 1, 3]); // [B,T,K,E] -> [B,K,T,E]

    let scores = op::matmul(g, query, key); // [B,K,G*T,T]
    let scores = op::reshape(g, scores, &dims![&batch, pairs, groups, &time, &time]);
    let masked = masked(g, scores, bias);
    let masked = op::reshape(g, masked, &dims![&batch, pairs, &folded, &time]);
    let mixed = softmax_product(g, masked, value); // [B,K,G*T,E]
    let mixed = op::reshape(g, mixed, &dims![&batch, pairs, groups, &time, width]);
    let mixed = op::transpose(g, mixed, &[0, 3, 1, 2, 4]); // [B,K,G,T,E] -> [B,T,K,G,E]
    op::reshape(g, mixed, &dims![&batch, &time, heads.query_width()])
}

/// `scores + bias`, in f32 at least.
fn masked(g: &mut Graph, scores: Value, bias: Value) -> Value {
    let wide = if g.dtype(scores) == DType::F64 { DType::F64 } else { DType::F32 };
    let scores = op::cast(g, scores, wide);
    let bias = op::cast(g, bias, wide);
    op::add(g, scores, bias)
}

/// `softmax(scores) values`; the softmax in the type of the scores, the product in that of the values.
fn softmax_product(g: &mut Graph, scores: Value, values: Value) -> Value {
    let dtype = g.dtype(values);
    if g.dtype(scores) == dtype {
        return op::softmax_matmul(g, scores, values);
    }
    let probabilities = op::softmax(g, scores, -1);
    let probabilities = op::cast(g, probabilities, dtype);
    op::matmul(g, probabilities, values)
}

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
    pub fn new(g: &mut Graph, heads: Heads, frequencies: &[f32], new: &New) -> Self {
        if heads.width.is_multiple_of(op::HEAD_MULTIPLE) {
            return Self::Kernel(rope::table(g, new.capacity, frequencies, new.dtype));
        }
        let offsets = op::range(g, &new.tokens); // 0..T
        let behind = new.tokens.minus(&Dim::known(1)); // T - 1
        let behind = crate::graph::extents(g, &[behind]);
        let last = op::cast(g, new.lengths.last, DType::I64);
        let last = op::unsqueeze(g, last, &[1]); // [B] -> [B,1]
        let first = op::sub(g, last, behind);
        let positions = op::add(g, first, offsets); // [B,T]
        Self::Before(rope::angles(g, positions, frequencies, new.dtype))
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

/// Attention of new tokens over a cache, which it extends: `query [B,T,H*E]`, `key` and `value` `[B,T,K*E]`, none of
/// them rotated yet -> `[B,T,H*E]` and the extended cache.
pub fn cached(
    g: &mut Graph,
    heads: Heads,
    [query, key, value]: [Value; 3],
    past: KeyValue,
    lengths: Lengths,
    rotation: Rotation,
) -> (Value, KeyValue) {
    let (query, key, rotary) = match rotation {
        Rotation::Kernel(table) => (query, key, Some((table.cos, table.sin))),
        Rotation::Before(angles) => {
            let turn = |g: &mut Graph, x: Value, count: usize| {
                let flat = g.shape(x);
                let split = op::reshape(g, x, &dims![&flat[0], &flat[1], count, heads.width]);
                let turned = rope::rotate(g, split, angles);
                op::reshape(g, turned, &flat)
            };
            (turn(g, query, heads.query), turn(g, key, heads.key_value), None)
        }
    };
    let inputs = op::GroupQueryInputs {
        query,
        key,
        value,
        past_key: past.key,
        past_value: past.value,
        seqlens_k: lengths.last,
        total_sequence_length: lengths.total,
        rotary,
    };
    let settings = op::GroupQueryAttention {
        heads: heads.query,
        kv_heads: heads.key_value,
        scale: heads.scale() as f32,
        window: None,
        softcap: None,
    };
    let outputs = op::group_query_attention(g, &inputs, settings);
    (outputs.output, KeyValue { key: outputs.present_key, value: outputs.present_value })
}
