//! The only module that names `ort`: finds or fetches the ONNX Runtime library, and runs ONNX bytes.

use crate::failure::Failure;

/// An opened ONNX Runtime library.
#[derive(Debug)]
pub struct Runtime {}

/// A runtime that is found or fetched at first use.
#[derive(Debug)]
pub struct LazyRuntime {}

impl LazyRuntime {
    /// The runtime; found or fetched at the first call.
    pub fn get(&self) -> Result<&Runtime, Failure> {
        Err(Failure::runtime("not yet built"))
    }
}
