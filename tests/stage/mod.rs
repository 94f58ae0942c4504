//! Stages run by themselves: inputs as files, outputs as files, no engine.

mod alignment;
mod data;
mod measuring;
mod presets;
mod questions;
pub(crate) mod support;
