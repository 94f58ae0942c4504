//! What architectures are made of, as compositions of graph operators: one file per layer.
//!
//! Letters as in [`crate::graph`]: B rows, T tokens, D model width, H query heads, K key-value heads, G = H / K query
//! heads per key-value head, E width of a head. Statistics (norms, rotary angles, softmax) are computed in f32 whatever
//! the type of the activations.

pub mod attention;
pub mod dropout;
mod embedding;
mod linear;
mod mlp;
mod rms_norm;
pub mod rope;

pub use embedding::embedding;
pub use linear::linear;
pub use mlp::swiglu;
pub use rms_norm::rms_norm;
