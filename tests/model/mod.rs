//! Networks against transformers, and their modes against each other.

mod llama;
pub(crate) mod tiny;
