//! Stages run by themselves: inputs as files, outputs as files, no engine.

mod alignment;
mod calm;
mod comparing;
mod data;
mod measuring;
mod pairing;
mod parsing;
mod presets;
mod questions;
pub(crate) mod support;
