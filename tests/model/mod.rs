//! Networks against transformers, and their modes against each other.

mod architectures;
mod config;
mod encoders;
mod forward;
mod llama;
pub(crate) mod tiny;
