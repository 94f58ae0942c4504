//! Reads and writes safetensors files: a JSON header with dtype, shape and byte range per tensor, then the bytes.
//!
//! Reading has two steps: [`StoredFile::open`] checks the whole header and reads no tensor; [`StoredFile::tensor`] then
//! brings one tensor into memory, in the type it is stored in or converted on the way, chunk by chunk on all cores. So
//! a bf16 file becomes f32 weights without a bf16 copy of them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rayon::prelude::*;

use super::Weights;
use crate::{failure::Failure, tensor::DType};

mod header;
mod read;
mod write;

pub use header::{StoredFile, StoredTensor};
pub use write::{Planned, write, write_planned};

#[cfg(target_endian = "big")]
compile_error!("safetensors files are little-endian and are read without swapping bytes");

/// Reads all tensors of a file, each in the type it is stored in.
pub fn read(path: &Path) -> Result<Weights, Failure> {
    let file = StoredFile::open(path)?;
    let read = |name: &String| Ok((name.clone(), Arc::new(file.tensor(name, None)?)));
    file.tensors().keys().collect::<Vec<_>>().into_par_iter().map(read).collect()
}

/// The names and shapes in a file, without its tensors.
pub fn shapes(path: &Path) -> Result<BTreeMap<String, Vec<usize>>, Failure> {
    let file = StoredFile::open(path)?;
    Ok(file.tensors().iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect())
}

/// The format's name of an element type.
const fn stored_type(dtype: DType) -> safetensors::Dtype {
    match dtype {
        DType::F32 => safetensors::Dtype::F32,
        DType::F64 => safetensors::Dtype::F64,
        DType::F16 => safetensors::Dtype::F16,
        DType::Bf16 => safetensors::Dtype::BF16,
        DType::I64 => safetensors::Dtype::I64,
        DType::I32 => safetensors::Dtype::I32,
        DType::Bool => safetensors::Dtype::BOOL,
    }
}
