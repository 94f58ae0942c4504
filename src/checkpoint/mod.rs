//! Files of weights: safetensors, Hugging Face model folders, PEFT adapter folders.
//!
//! In: folders as artifacts or as users have them. Out: [`Weights`] by Hugging Face tensor name, and `config.json` as it
//! stands there; what its fields mean is known to [`crate::model::arch`] alone.
//!
//! # Invariants
//! - A file is never trusted: every length in it is checked against the file before memory is taken for it.
//! - What is written opens in transformers and PEFT, and has the same bytes each time.
//!
//! # Decisions
//! - Tensors are read from the file straight into their own memory, all at once on all cores, converted chunk by chunk
//!   on the way, not through a memory map: nothing is held twice, no `unsafe`, and a file that shrinks meanwhile is an
//!   error, not a crash. A map would save nothing on the CPU, where weights are computed with in f32 and mostly stored
//!   in bf16, and on a device the bytes have to be copied anyway.
//! - Weights that are not finite are found while they are converted, where looking at them costs nothing.

pub mod adapter;
pub mod config;
pub mod convert;
pub mod folder;
pub mod safetensors;
pub mod stored;

use std::{collections::BTreeMap, sync::Arc};

use crate::tensor::Tensor;

/// Tensors by name.
pub type Weights = BTreeMap<String, Arc<Tensor>>;
