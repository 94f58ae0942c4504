//! The graph as an ONNX file.

mod model;
mod proto;

pub(crate) use model::element_type;
pub use model::{Description, External, model};
