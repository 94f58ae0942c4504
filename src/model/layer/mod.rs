//! What architectures are made of, as compositions of graph operators: one file per layer.
//!
//! Letters as in [`crate::graph`]: B rows, T tokens, D model width, H query heads, K key-value heads, G = H / K query
//! heads per key-value head, E width of a head. Statistics (norms, rotary angles, softmax, caps) are computed in f32
//! whatever the type of the activations.

mod activation;
pub mod attention;
mod cap;
pub mod dropout;
mod embedding;
mod linear;
mod mlp;
mod norm;
mod pooling;
pub mod rope;

pub use activation::Activation;
pub use cap::cap;
pub use embedding::embedding;
pub use linear::{Bias, linear, projection, projections};
pub use mlp::{FeedForward, feed_forward};
pub use norm::{Norm, NormKind, norm};
pub use pooling::{Pooling, normalise, pool};
