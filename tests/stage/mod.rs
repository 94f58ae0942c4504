//! Stages run by themselves: inputs as files, outputs as files, no engine.

mod alignment;
mod data;
mod measuring;
pub(crate) mod support;
