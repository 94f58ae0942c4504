//! The token loop.

pub mod generate;
pub mod journal;
pub mod sampler;
pub mod text;
