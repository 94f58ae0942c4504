//! Brings a tensor into memory, converted on the way if another type is wanted.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use bytemuck::Pod;
use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};
use rayon::prelude::*;

use super::header::{StoredFile, StoredTensor, unreadable};
use crate::{
    checkpoint::convert::{Float, narrow},
    failure::{Cause, Failure, bug},
    tensor::{DType, Tensor},
};

/// Elements that are read and converted at a time: small enough that they are still in a core's cache when they are
/// converted, large enough that system calls cost nothing.
const CHUNK: usize = 1 << 16;

impl StoredFile {
    /// Reads the tensor `name`, in the floating-point type `wanted` or as it is stored. A weight that is no finite number is
    /// an error, and so are integers where floating-point numbers are wanted.
    pub fn tensor(&self, name: &str, wanted: Option<DType>) -> Result<Tensor, Failure> {
        let stored = self.tensors().get(name).unwrap_or_else(|| bug(format!("`{name}` is not in this file")));
        let read = match wanted {
            Some(wanted) => self.converted(stored, wanted),
            None => self.as_stored(stored),
        };
        read.map_err(|failure| self.name(failure, name))
    }

    /// Writes the bytes of the tensor `name`, row-major and little-endian, to a new file, in the floating-point type
    /// `wanted`; otherwise like [`Self::tensor`].
    pub fn write_tensor(&self, name: &str, wanted: DType, path: &Path) -> Result<(), Failure> {
        let stored = &self.tensors()[name];
        let create = || File::create(path).map_err(|error| Failure::io(Cause::Store, "create", path, &error));
        let written = create().and_then(|to| match stored.dtype {
            DType::F32 => put::<f32>(&self.file, stored, wanted, &to),
            DType::F64 => put::<f64>(&self.file, stored, wanted, &to),
            DType::F16 => put::<f16>(&self.file, stored, wanted, &to),
            DType::Bf16 => put::<bf16>(&self.file, stored, wanted, &to),
            DType::I64 | DType::I32 | DType::Bool => Err(no_weights(stored)),
        });
        written.map_err(|failure| self.name(failure, name))
    }

    /// Checks that all numbers of the tensor `name` are finite, without keeping them. Integers are.
    pub fn check_finite(&self, name: &str) -> Result<(), Failure> {
        let stored = &self.tensors()[name];
        let checked = match stored.dtype {
            DType::F32 => look::<f32>(&self.file, stored),
            DType::F64 => look::<f64>(&self.file, stored),
            DType::F16 => look::<f16>(&self.file, stored),
            DType::Bf16 => look::<bf16>(&self.file, stored),
            DType::I64 | DType::I32 | DType::Bool => Ok(()),
        };
        checked.map_err(|failure| self.name(failure, name))
    }

    fn name(&self, failure: Failure, tensor: &str) -> Failure {
        failure.at(format!("tensor `{tensor}`")).at(format!("`{}`", self.path().display()))
    }

    fn as_stored(&self, stored: &StoredTensor) -> Result<Tensor, Failure> {
        let file = &self.file;
        Ok(match stored.dtype {
            DType::F32 => Tensor::F32(plain(file, stored)?),
            DType::F64 => Tensor::F64(plain(file, stored)?),
            DType::F16 => Tensor::F16(plain::<f16>(file, stored)?),
            DType::Bf16 => Tensor::Bf16(plain::<bf16>(file, stored)?),
            DType::I64 => Tensor::I64(plain(file, stored)?),
            DType::I32 => Tensor::I32(plain(file, stored)?),
            DType::Bool => Tensor::Bool(plain::<u8>(file, stored)?.mapv(|byte| byte != 0)),
        })
    }

    fn converted(&self, stored: &StoredTensor, wanted: DType) -> Result<Tensor, Failure> {
        let file = &self.file;
        match (stored.dtype, wanted) {
            (DType::F32, DType::F32) => Ok(Tensor::F32(finite(file, stored)?)),
            (DType::Bf16, DType::Bf16) => Ok(Tensor::Bf16(finite(file, stored)?)),
            (DType::F16, DType::F16) => Ok(Tensor::F16(finite(file, stored)?)),
            (DType::F32, _) => narrow(widened::<f32>(file, stored)?, wanted),
            (DType::F64, _) => narrow(widened::<f64>(file, stored)?, wanted),
            (DType::F16, _) => narrow(widened::<f16>(file, stored)?, wanted),
            (DType::Bf16, _) => narrow(widened::<bf16>(file, stored)?, wanted),
            (DType::I64 | DType::I32 | DType::Bool, _) => Err(no_weights(stored)),
        }
    }
}

fn no_weights(stored: &StoredTensor) -> Failure {
    Failure::input(format!("it holds {:?}, which are no weights", stored.dtype))
}

/// The elements as they lie in the file.
fn plain<T: Pod + Send>(file: &File, stored: &StoredTensor) -> Result<ArrayD<T>, Failure> {
    fill(stored, |chunk: &mut [T], first| read_at(file, stored, chunk, first))
}

/// The same, all of them finite numbers.
fn finite<T: Float>(file: &File, stored: &StoredTensor) -> Result<ArrayD<T>, Failure> {
    fill(stored, |chunk: &mut [T], first| {
        read_at(file, stored, chunk, first)?;
        check(chunk)
    })
}

/// The elements as f32, all of them finite numbers.
fn widened<T: Float>(file: &File, stored: &StoredTensor) -> Result<ArrayD<f32>, Failure> {
    fill(stored, |chunk: &mut [f32], first| {
        let mut narrow = vec![T::zeroed(); chunk.len()];
        read_at(file, stored, &mut narrow, first)?;
        T::widen(&narrow, chunk);
        check(chunk)
    })
}

/// Reads elements from the `first` on.
fn read_at<T: Pod>(file: &File, stored: &StoredTensor, chunk: &mut [T], first: usize) -> Result<(), Failure> {
    let at = stored.offset + (first * size_of::<T>()) as u64;
    file.read_exact_at(bytemuck::cast_slice_mut(chunk), at).map_err(|error| unreadable(&error))
}

/// An array filled chunk by chunk on all cores; `read` is told with which element a chunk begins.
fn fill<T: Pod + Send>(
    stored: &StoredTensor,
    read: impl Fn(&mut [T], usize) -> Result<(), Failure> + Sync,
) -> Result<ArrayD<T>, Failure> {
    let mut elements = vec![T::zeroed(); stored.elements()];
    let chunks = elements.par_chunks_mut(CHUNK).enumerate();
    chunks.try_for_each(|(index, chunk)| read(chunk, index * CHUNK))?;
    Ok(ArrayD::from_shape_vec(IxDyn(&stored.shape), elements).unwrap_or_else(|error| bug(error)))
}

/// Copies all elements to the start of a file, chunk by chunk on all cores, as `wanted` and all of them finite numbers.
fn put<T: Float>(file: &File, stored: &StoredTensor, wanted: DType, to: &File) -> Result<(), Failure> {
    let all = stored.elements();
    let chunks = (0..all.div_ceil(CHUNK)).into_par_iter();
    chunks.try_for_each_init(Vec::new, |narrow_chunk: &mut Vec<T>, index| {
        let first = index * CHUNK;
        narrow_chunk.resize(CHUNK.min(all - first), T::zeroed());
        read_at(file, stored, narrow_chunk, first)?;
        check(narrow_chunk)?;
        if stored.dtype == wanted {
            return write_at(to, narrow_chunk, first);
        }
        let mut wide = vec![0_f32; narrow_chunk.len()];
        T::widen(narrow_chunk, &mut wide);
        check(&wide)?;
        match narrow(ndarray::Array1::from_vec(wide).into_dyn(), wanted)? {
            Tensor::F32(array) => write_at(to, array.as_slice().unwrap_or_default(), first),
            Tensor::F64(array) => write_at(to, array.as_slice().unwrap_or_default(), first),
            Tensor::F16(array) => write_at(to, array.as_slice().unwrap_or_default(), first),
            Tensor::Bf16(array) => write_at(to, array.as_slice().unwrap_or_default(), first),
            Tensor::I64(_) | Tensor::I32(_) | Tensor::Bool(_) => bug("weights as integers"),
        }
    })
}

/// Writes elements from the `first` on.
fn write_at<T: Pod>(to: &File, chunk: &[T], first: usize) -> Result<(), Failure> {
    let at = (first * size_of::<T>()) as u64;
    let written = to.write_all_at(bytemuck::cast_slice(chunk), at);
    written.map_err(|error| Failure::new(Cause::Store, format!("cannot be written to memory: {error}")))
}

/// Looks at all elements, chunk by chunk.
fn look<T: Float>(file: &File, stored: &StoredTensor) -> Result<(), Failure> {
    let all = stored.elements();
    (0..all.div_ceil(CHUNK)).into_par_iter().try_for_each(|index| {
        let first = index * CHUNK;
        let mut chunk = vec![T::zeroed(); CHUNK.min(all - first)];
        read_at(file, stored, &mut chunk, first)?;
        check(&chunk)
    })
}

fn check<T: Float>(chunk: &[T]) -> Result<(), Failure> {
    if T::all_finite(chunk) {
        return Ok(());
    }
    Err(Failure::input("it holds a number that is not finite (NaN or infinity)")
        .hint("the checkpoint is damaged, or training it diverged"))
}
