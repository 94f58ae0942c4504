//! The graph as an ONNX file.

mod model;

pub use model::{Description, External, model};
pub(crate) use model::{EXTERNAL, element_type};
