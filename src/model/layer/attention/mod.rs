//! Self-attention with grouped query heads, in two forms of the same mathematics.
//!
//! - [`rows`]: whole rows, causal with branches that share a prefix, or every token over all; plain operators, every one with
//!   a gradient.
//! - [`cached()`]: new tokens over a key-value cache that stays in place; one fused kernel.
//!
//! Both take the same [`Scores`], so that a layer's window or cap cannot differ between training and decoding.

mod cached;
mod rows;

pub use cached::{KeyValue, Lengths, New, Past, Rotation, cached};
pub use rows::{attention, bias, padding_bias};

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

    /// The usual factor on scores.
    pub fn scale(self) -> f64 {
        1.0 / (self.width as f64).sqrt()
    }
}

/// What happens between the product of queries and keys and the softmax.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// The factor on scores.
    pub scale: f64,
    /// Scaled scores are limited to this magnitude by [`crate::model::layer::cap()`].
    pub cap: Option<f64>,
    /// How many positions a token sees, its own included; `None` for all before it.
    pub window: Option<usize>,
}
