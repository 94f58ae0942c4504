//! Networks, losses and optimizers as compositions of ops.
//!
//! - [`arch`]: one file per architecture: `config.json` to a network whose forward pass is a graph.
//! - [`layer`]: what architectures are made of. [`parameter`]: where their weights come from.
//! - [`lora`]: low-rank adapters beside linear layers. [`loss`]: training objectives. [`auxiliary`]: terms beside them. [`optim`]: optimizers.
//! - [`row`]: token sequences with a shared prefix as the tensors a graph takes.
//!
//! # Invariants
//! - Nothing here opens a file or runs a graph.
//! - Sizes are data, never code; names of tensors are those of Hugging Face checkpoints.

pub mod adapter;
pub mod arch;
pub mod auxiliary;
pub mod layer;
pub mod lora;
pub mod loss;
pub mod optim;
pub mod parameter;
pub mod row;
