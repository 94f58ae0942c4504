//! chorale: a declarative workflow engine for cross-lingual consistency alignment of language models.
//!
//! A TOML recipe describes a DAG of stages; the engine runs it with content-hash caching; all inference and all
//! gradient steps run through ONNX Runtime, with training graphs that chorale compiles and exports itself.
//!
//! The crate has two halves that meet only inside `stage::kinds`. Read the modules in this order.
//!
//! ```text
//! recipes/*.toml
//!    | recipe::parse           text -> Recipe                 spans kept, all mistakes collected
//!    v
//!  Recipe -- plan::build ----> Plan                           DAG of typed stages, ports wired, cycles rejected
//!    |                           | engine::run                state machine, slots, events
//!    |                           |    ready stage --> cache::key --> hit?  --> artifact by digest
//!    |                           |                                   miss --> Kind::run --> cache/objects
//!    v                           v
//!  diagnostics              events --> report --> terminal, JSON lines, HTML
//!
//! checkpoint --> model::arch --> graph --> graph::backward --> graph::export --> runtime::Session
//!    (weights)   (builders)      (facts)   (more nodes)        (ONNX bytes)      |            |
//!                                                                             decode        train
//! ```
//!
//! - [`digest`], [`diagnostic`], [`failure`], [`random`], [`secret`], [`tensor`]: values that everything else is written in.
//! - [`recipe`], [`plan`]: text to a checked DAG. [`cache`], [`engine`]: is it done already, and doing it.
//! - [`hub`]: models from a Hugging Face hub, pinned by a lock file beside the recipe. [`endpoint`]: models that
//!   answer over HTTP.
//! - [`artifact`]: the typed files that stages exchange. [`stage`]: what a stage is, and all of them.
//! - [`task`], [`align`]: prompts and answers; the papers' algorithms, pure.
//! - [`checkpoint`], [`token`], [`graph`], [`model`], [`runtime`], [`decode`], [`train`]: the model half.
//! - [`report`], [`cli`]: telling people.

#[cfg(not(target_pointer_width = "64"))]
compile_error!("chorale counts tokens and bytes in usize and needs a 64-bit target");

pub mod digest;
pub mod failure;
pub mod random;
pub mod secret;
pub mod tensor;

pub mod diagnostic;

pub mod endpoint;
pub mod hub;
pub mod recipe;

pub mod plan;

pub mod artifact;

pub mod cache;

pub mod stage;

pub mod engine;

pub mod task;

pub mod align;

pub mod checkpoint;
pub mod token;

pub mod graph;

pub mod model;

pub mod runtime;

pub mod decode;

pub mod train;

pub mod report;

pub mod cli;
