//! The training loop: examples in rows, gradient steps in ONNX Runtime, a journal that survives a kill.

pub mod batch;
pub mod example;
pub mod layout;
pub mod order;
pub mod state;
