//! Attention over whole rows whose branches share a prefix.
//!
//! The query heads of one key-value head are folded into the time axis (`[B,K,G*T,E]`), so keys and values are never
//! repeated: both products are plain batched matrix products over B * K.

use super::{Heads, Scores};
use crate::{
    dims,
    graph::{Dim, Graph, Value, op},
    model::layer,
    tensor::DType,
};

/// What is added to the scores: 0 where a token may look, a large negative number elsewhere. `positions` and
/// `segments` are i64 `[B,T]` as in [`crate::model::row`], `window` as in [`Scores`]; the result is f32 `[B,1,1,T,T]`
/// (query, key).
pub fn bias(g: &mut Graph, positions: Value, segments: Value, window: Option<usize>) -> Value {
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
    let mut visible = op::and(g, related, before); // [B,T,T]
    if let Some(window) = window {
        // Positions, not places in the row: a branch goes on where the prompt ended, so distances are those of a
        // sequence of its own.
        let window = g.scalar(window as f64, DType::I64);
        let first = op::sub(g, query_position, window);
        let near = op::greater(g, key_position, first);
        visible = op::and(g, visible, near);
    }
    // Finite, so that even a row of padding has a softmax.
    let (open, closed) = (g.scalar(0.0, DType::F32), g.scalar(-1e30, DType::F32));
    let bias = op::where_(g, visible, open, closed);
    op::unsqueeze(g, bias, &[1, 2])
}

/// What is added to the scores where every token sees all tokens that are not padding: `mask` i64 `[B,T]`, 1 for tokens,
/// 0 for padding; the result is f32 `[B,1,1,1,T]`.
pub fn padding_bias(g: &mut Graph, mask: Value) -> Value {
    let one = g.scalar(1.0, DType::I64);
    let visible = op::equal(g, mask, one);
    let (open, closed) = (g.scalar(0.0, DType::F32), g.scalar(-1e30, DType::F32));
    let bias = op::where_(g, visible, open, closed);
    op::unsqueeze(g, bias, &[1, 2, 3])
}

/// Softmax attention: `query [B,T,H,E]`, `key` and `value` `[B,T,K,E]`, `bias [B,1,1,T,T]` (of the same window) or
/// `[B,1,1,1,T]` -> `[B,T,H*E]`.
pub fn attention(
    g: &mut Graph,
    heads: Heads,
    scores: Scores,
    [query, key, value]: [Value; 3],
    bias: Value,
) -> Value {
    let shape = g.shape(query);
    let (batch, time) = (shape[0].clone(), shape[1].clone());
    let (groups, pairs, width) = (heads.query / heads.key_value, heads.key_value, heads.width);
    let folded = Dim::known(groups).times(&time);

    let scale = g.scalar(scores.scale, g.dtype(query));
    let query = op::mul(g, query, scale);
    let query = op::reshape(g, query, &dims![&batch, &time, pairs, groups, width]);
    let query = op::transpose(g, query, &[0, 2, 3, 1, 4]); // [B,T,K,G,E] -> [B,K,G,T,E]
    let query = op::reshape(g, query, &dims![&batch, pairs, &folded, width]);
    let key = op::transpose(g, key, &[0, 2, 3, 1]); // [B,T,K,E] -> [B,K,E,T]
    let value = op::transpose(g, value, &[0, 2, 1, 3]); // [B,T,K,E] -> [B,K,T,E]

    let products = op::matmul(g, query, key); // [B,K,G*T,T]
    let products = op::reshape(g, products, &dims![&batch, pairs, groups, &time, &time]);
    let masked = masked(g, products, scores.cap, bias);
    let masked = op::reshape(g, masked, &dims![&batch, pairs, &folded, &time]);
    let mixed = softmax_product(g, masked, value); // [B,K,G*T,E]
    let mixed = op::reshape(g, mixed, &dims![&batch, pairs, groups, &time, width]);
    let mixed = op::transpose(g, mixed, &[0, 3, 1, 2, 4]); // [B,K,G,T,E] -> [B,T,K,G,E]
    op::reshape(g, mixed, &dims![&batch, &time, heads.query_width()])
}

/// `scores + bias`, in f32 at least; the scores capped before.
fn masked(g: &mut Graph, scores: Value, cap: Option<f64>, bias: Value) -> Value {
    let wide = if g.dtype(scores) == DType::F64 { DType::F64 } else { DType::F32 };
    let scores = op::cast(g, scores, wide);
    let scores = cap.map_or(scores, |most| layer::cap(g, scores, most));
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
