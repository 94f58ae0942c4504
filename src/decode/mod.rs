//! The token loop.

pub mod sampler;
