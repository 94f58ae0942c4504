//! Reads and writes safetensors files: a JSON header with dtype, shape and byte range per tensor, then the bytes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
    sync::Arc,
};

use bytemuck::Pod;
use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};
use rayon::prelude::*;
use safetensors::{
    SafeTensorError, View,
    tensor::{Dtype, Metadata, TensorInfo},
};

use super::Weights;
use crate::{
    failure::{Cause, Failure, bug},
    tensor::{DType, Tensor, with_array},
};

/// Headers beyond this size are refused, as the format's own library does.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes of the header's length, which a file begins with.
const LENGTH_BYTES: u64 = 8;

#[cfg(target_endian = "big")]
compile_error!("safetensors files are little-endian and are read without swapping bytes");

/// Reads all tensors of a file, each in the type it is stored in.
pub fn read(path: &Path) -> Result<Weights, Failure> {
    let broken = |failure: Failure| failure.at(format!("`{}`", path.display()));
    let file = File::open(path).map_err(|error| Failure::io(Cause::Input, "open", path, &error))?;
    let length = file.metadata().map_err(|error| Failure::io(Cause::Input, "read", path, &error))?.len();
    let (start, tensors) = header(&file, length).map_err(broken)?;
    let read = |(name, info): (String, TensorInfo)| {
        let tensor = tensor(&file, start, &info).map_err(|failure| failure.at(format!("tensor `{name}`")))?;
        Ok((name, Arc::new(tensor)))
    };
    tensors.into_par_iter().map(read).collect::<Result<Weights, Failure>>().map_err(broken)
}

/// Where the tensors' bytes start, and what is known about each tensor. Everything is checked: each byte between header
/// and end of file belongs to exactly one tensor, whose shape and type need just as many.
fn header(file: &File, length: u64) -> Result<(u64, BTreeMap<String, TensorInfo>), Failure> {
    let mut start = [0; LENGTH_BYTES as usize];
    if length < LENGTH_BYTES {
        return Err(Failure::input(format!("not a safetensors file: it has only {length} bytes")));
    }
    file.read_exact_at(&mut start, 0).map_err(|error| unreadable(&error))?;
    let size = u64::from_le_bytes(start);
    if size > LONGEST_HEADER {
        return Err(Failure::input(format!("not a safetensors file: it claims a header of {size} bytes")));
    }
    let data = LENGTH_BYTES + size;
    if data > length {
        return Err(Failure::input(format!(
            "the file is truncated inside its header: {length} bytes of at least {data} are there"
        )));
    }
    let mut bytes = vec![0; size as usize];
    file.read_exact_at(&mut bytes, LENGTH_BYTES).map_err(|error| unreadable(&error))?;
    let tensors = entries(&bytes)?;
    let end = data + covered(&tensors)? as u64;
    match length.cmp(&end) {
        std::cmp::Ordering::Less => {
            Err(Failure::input(format!("the file is truncated: {length} bytes of {end} are there"))
                .hint("fetch the file again"))
        }
        std::cmp::Ordering::Greater => {
            Err(Failure::input(format!("{} bytes follow the last tensor", length - end)))
        }
        std::cmp::Ordering::Equal => Ok((data, tensors)),
    }
}

fn entries(header: &[u8]) -> Result<BTreeMap<String, TensorInfo>, Failure> {
    let broken =
        |error: serde_json::Error| Failure::input(format!("the header is not that of safetensors: {error}"));
    let mut fields: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).map_err(broken)?;
    fields.remove("__metadata__");
    let entry = |(name, value)| match serde_json::from_value(value) {
        Ok(info) => Ok((name, info)),
        Err(error) => Err(Failure::input(format!("the header entry of tensor `{name}` is wrong: {error}"))),
    };
    fields.into_iter().map(entry).collect()
}

/// How many bytes the tensors cover, without gaps or overlaps.
fn covered(tensors: &BTreeMap<String, TensorInfo>) -> Result<usize, Failure> {
    let mut ordered: Vec<_> = tensors.iter().map(|(name, info)| (name.clone(), info.clone())).collect();
    ordered.sort_by_key(|(_, info)| info.data_offsets);
    let checked = Metadata::new(None, ordered).map_err(|error| {
        Failure::input(match error {
            SafeTensorError::InvalidOffset(name) => {
                format!("the bytes of tensor `{name}` overlap those of another, or leave a gap before them")
            }
            SafeTensorError::TensorInvalidInfo => mismatched(tensors),
            SafeTensorError::ValidationOverflow => "the shape of a tensor is impossibly large".to_owned(),
            other => format!("the header contradicts itself: {other}"),
        })
    })?;
    Ok(checked.data_len())
}

/// Says which tensor's byte range does not fit its shape and type.
fn mismatched(tensors: &BTreeMap<String, TensorInfo>) -> String {
    let needs = |info: &TensorInfo| {
        let elements = info.shape.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent))?;
        Some(elements.checked_mul(info.dtype.bitsize())? / 8)
    };
    let wrong = tensors.iter().find_map(|(name, info)| {
        let given = info.data_offsets.1.checked_sub(info.data_offsets.0)?;
        let needed = needs(info)?;
        (given != needed).then_some((name, info, given, needed))
    });
    match wrong {
        Some((name, info, given, needed)) => format!(
            "tensor `{name}` lies about its size: shape {:?} in {} needs {needed} bytes, the header gives it {given}",
            info.shape, info.dtype
        ),
        None => "a tensor lies about its size".to_owned(),
    }
}

fn tensor(file: &File, start: u64, info: &TensorInfo) -> Result<Tensor, Failure> {
    let at = start + info.data_offsets.0 as u64;
    let shape = info.shape.as_slice();
    Ok(match info.dtype {
        Dtype::F32 => Tensor::F32(array(file, at, shape)?),
        Dtype::F64 => Tensor::F64(array(file, at, shape)?),
        Dtype::F16 => Tensor::F16(array::<f16>(file, at, shape)?),
        Dtype::BF16 => Tensor::Bf16(array::<bf16>(file, at, shape)?),
        Dtype::I64 => Tensor::I64(array(file, at, shape)?),
        Dtype::I32 => Tensor::I32(array(file, at, shape)?),
        Dtype::BOOL => Tensor::Bool(array::<u8>(file, at, shape)?.mapv(|byte| byte != 0)),
        other => {
            return Err(Failure::input(format!("elements of type {other} are not supported"))
                .hint("convert the checkpoint to F32, BF16 or F16"));
        }
    })
}

fn array<T: Pod>(file: &File, at: u64, shape: &[usize]) -> Result<ArrayD<T>, Failure> {
    let mut elements = vec![T::zeroed(); shape.iter().product()];
    file.read_exact_at(bytemuck::cast_slice_mut(&mut elements), at).map_err(|error| unreadable(&error))?;
    Ok(ArrayD::from_shape_vec(IxDyn(shape), elements).unwrap_or_else(|error| bug(error)))
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::input(format!("cannot be read: {error}"))
}

/// Writes a file with these tensors: the same bytes for the same tensors. It appears whole or not at all.
pub fn write(path: &Path, weights: &Weights) -> Result<(), Failure> {
    let failed = |error: &io::Error| Failure::io(Cause::Store, "write", path, error);
    let views = weights.iter().map(|(name, tensor)| (name.as_str(), Stored(tensor)));
    // Readers of Hugging Face insist on this entry.
    let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    safetensors::serialize_to_file(views, Some(metadata), path).map_err(|error| match error {
        SafeTensorError::IoError(error) => failed(&error),
        other => bug(format!("weights that cannot be written: {other}")),
    })?;
    // The library writes through a private temporary file; others may read models.
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).map_err(|error| failed(&error))?;
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(&error))
}

/// A tensor as the format's library wants to see it.
struct Stored<'t>(&'t Tensor);

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::Bf16 => Dtype::BF16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::Bool => Dtype::BOOL,
        }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        match self.0 {
            Tensor::F32(array) => bytes(array),
            Tensor::F64(array) => bytes(array),
            Tensor::F16(array) => bytes(array),
            Tensor::Bf16(array) => bytes(array),
            Tensor::I64(array) => bytes(array),
            Tensor::I32(array) => bytes(array),
            Tensor::Bool(array) => array.iter().map(|value| u8::from(*value)).collect(),
        }
    }

    fn data_len(&self) -> usize {
        with_array!(self.0, array => array.len()) * self.0.dtype().size()
    }
}

fn bytes<T: Pod>(array: &ArrayD<T>) -> std::borrow::Cow<'_, [u8]> {
    match array.as_slice() {
        Some(elements) => bytemuck::cast_slice(elements).into(),
        None => bytemuck::cast_slice(&array.iter().copied().collect::<Vec<T>>()).to_vec().into(),
    }
}

/// The names and shapes in a file, without its tensors.
pub fn shapes(path: &Path) -> Result<BTreeMap<String, Vec<usize>>, Failure> {
    let file = File::open(path).map_err(|error| Failure::io(Cause::Input, "open", path, &error))?;
    let length = file.metadata().map_err(|error| Failure::io(Cause::Input, "read", path, &error))?.len();
    let (_, tensors) =
        header(&file, length).map_err(|failure| failure.at(format!("`{}`", path.display())))?;
    Ok(tensors.into_iter().map(|(name, info)| (name, info.shape)).collect())
}
