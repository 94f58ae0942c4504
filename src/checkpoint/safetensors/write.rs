//! Writes files, one tensor in memory at a time if the caller makes them one by one.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
};

use bytemuck::Pod;
use ndarray::ArrayD;
use safetensors::tensor::{Metadata, TensorInfo};

use super::stored_type;
use crate::{
    checkpoint::Weights,
    failure::{Cause, Failure, bug},
    tensor::{DType, Tensor},
};

/// A tensor that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// The extent of each axis.
    pub shape: Vec<usize>,
}

impl Planned {
    /// Bytes of its elements.
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }
}

/// Writes a file with these tensors: the same bytes for the same tensors. It appears whole or not at all.
pub fn write(path: &Path, weights: &Weights) -> Result<(), Failure> {
    let plan = |(name, tensor): (&String, &Arc<Tensor>)| Planned {
        name: name.clone(),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
    };
    write_planned(path, weights.iter().map(plan).collect(), &mut |name| Ok(Arc::clone(&weights[name])))
}

/// Writes a file with the planned tensors, each asked of `make` when its turn comes, in the order of the format's own
/// library: larger element types first, then by name.
pub fn write_planned(
    path: &Path,
    mut planned: Vec<Planned>,
    make: &mut dyn FnMut(&str) -> Result<Arc<Tensor>, Failure>,
) -> Result<(), Failure> {
    let failed = |error: &io::Error| Failure::io(Cause::Store, "write", path, error);
    planned.sort_by(|a, b| stored_type(b.dtype).cmp(&stored_type(a.dtype)).then_with(|| a.name.cmp(&b.name)));
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(|e| failed(&e))?;
    let mut writer = BufWriter::new(file);
    let header = header(&planned);
    writer
        .write_all(&(header.len() as u64).to_le_bytes())
        .and_then(|()| writer.write_all(&header))
        .map_err(|error| failed(&error))?;
    for Planned { name, dtype, shape } in &planned {
        let tensor = make(name)?;
        if tensor.dtype() != *dtype || tensor.shape() != shape {
            bug(format!("tensor `{name}` is not what was planned"));
        }
        writer.write_all(&bytes(&tensor)).map_err(|error| failed(&error))?;
    }
    let file = writer.into_inner().map_err(|error| failed(error.error()))?;
    // Temporary files begin private; others may read models.
    let permissions = fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(permissions).map_err(|error| failed(&error))?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map(|_: File| ()).map_err(|error| failed(&error.error))
}

/// The header: JSON, padded with blanks so that the tensors begin at a multiple of eight bytes.
fn header(planned: &[Planned]) -> Vec<u8> {
    let mut offset = 0;
    let entry = |planned: &Planned| {
        let first = offset;
        offset += planned.bytes();
        let info = TensorInfo {
            dtype: stored_type(planned.dtype),
            shape: planned.shape.clone(),
            data_offsets: (first, offset),
        };
        (planned.name.clone(), info)
    };
    let entries = planned.iter().map(entry).collect();
    // Readers of Hugging Face insist on this entry.
    let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    let metadata = Metadata::new(Some(metadata), entries).unwrap_or_else(|error| bug(error));
    let mut header = serde_json::to_vec(&metadata).unwrap_or_else(|error| bug(error));
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

fn bytes(tensor: &Tensor) -> Cow<'_, [u8]> {
    match tensor {
        Tensor::F32(array) => raw(array),
        Tensor::F64(array) => raw(array),
        Tensor::F16(array) => raw(array),
        Tensor::Bf16(array) => raw(array),
        Tensor::I64(array) => raw(array),
        Tensor::I32(array) => raw(array),
        Tensor::Bool(array) => array.iter().map(|value| u8::from(*value)).collect(),
    }
}

fn raw<T: Pod>(array: &ArrayD<T>) -> Cow<'_, [u8]> {
    match array.as_slice() {
        Some(elements) => bytemuck::cast_slice(elements).into(),
        None => bytemuck::cast_slice(&array.iter().copied().collect::<Vec<T>>()).to_vec().into(),
    }
}
