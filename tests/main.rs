//! All integration tests: one binary, one module per capability.
//!
//! `cargo test` runs them after it has set itself up: the runtime library is fetched once (see `chorale runtime`).

mod align;
mod asking;
mod cache;
mod checkpoint;
mod cli;
mod decode;
mod engine;
mod graph;
mod hub;
mod model;
mod plan;
mod recipe;
mod report;
mod runtime;
mod stage;
mod support;
mod token;
mod train;
