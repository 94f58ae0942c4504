//! Opens a file and checks its header: every length, offset, overlap and type, before memory is taken for any of it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use safetensors::{
    SafeTensorError,
    tensor::{Dtype, Metadata, TensorInfo},
};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::{
    failure::{Cause, Failure},
    tensor::DType,
};

/// Headers beyond this size are refused, as the format's own library does.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes of the header's length, which a file begins with.
const LENGTH_BYTES: u64 = 8;

/// A tensor that lies in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTensor {
    /// The type of its elements.
    pub dtype: DType,
    /// The extent of each axis; the product fits the bytes that the file has for it.
    pub shape: Vec<usize>,
    /// Where its bytes begin, from the start of the file.
    pub offset: u64,
}

impl StoredTensor {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// An opened file whose header is consistent with itself and with the file's length.
#[derive(Debug)]
pub struct StoredFile {
    path: PathBuf,
    pub(super) file: File,
    tensors: BTreeMap<String, StoredTensor>,
}

impl StoredFile {
    /// Opens the file and checks its header; reads no tensor. Afterwards each byte between header and end of file belongs
    /// to exactly one tensor, whose shape and type need just as many.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure::io(Cause::Input, "open", path, &error))?;
        let metadata = file.metadata().map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
        let tensors =
            header(&file, metadata.len()).map_err(|failure| failure.at(format!("`{}`", path.display())))?;
        Ok(Self { path: path.to_owned(), file, tensors })
    }

    /// Its tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, StoredTensor> {
        &self.tensors
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn header(file: &File, length: u64) -> Result<BTreeMap<String, StoredTensor>, Failure> {
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
    let entries = entries(&bytes)?;
    let end = data + covered(&entries)? as u64;
    match length.cmp(&end) {
        std::cmp::Ordering::Less => {
            Err(Failure::input(format!("the file is truncated: {length} bytes of {end} are there"))
                .hint("fetch the file again"))
        }
        std::cmp::Ordering::Greater => {
            Err(Failure::input(format!("{} bytes follow the last tensor", length - end)))
        }
        std::cmp::Ordering::Equal => {
            entries.into_iter().map(|(name, info)| stored(data, name, info)).collect()
        }
    }
}

fn stored(data: u64, name: String, info: TensorInfo) -> Result<(String, StoredTensor), Failure> {
    let dtype = match info.dtype {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::Bf16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::BOOL => DType::Bool,
        other => {
            let message = format!("tensor `{name}`: elements of type {other} are not supported");
            return Err(Failure::input(message).hint("convert the checkpoint to F32, BF16 or F16"));
        }
    };
    // Without its zeros an empty tensor's shape may still be too large for an array.
    let extents = info.shape.iter().filter(|extent| **extent > 0);
    let size = extents.copied().chain([dtype.size()]).try_fold(1_usize, usize::checked_mul);
    if size.is_none_or(|size| isize::try_from(size).is_err()) {
        return Err(Failure::input(format!(
            "tensor `{name}` has an impossibly large shape: {:?}",
            info.shape
        )));
    }
    Ok((name, StoredTensor { dtype, shape: info.shape, offset: data + info.data_offsets.0 as u64 }))
}

/// Reads the header's table. A name that is there twice is an error: readers would disagree about which one counts.
fn entries(header: &[u8]) -> Result<BTreeMap<String, TensorInfo>, Failure> {
    let broken =
        |error: serde_json::Error| Failure::input(format!("the header is not that of safetensors: {error}"));
    let mut reader = serde_json::Deserializer::from_slice(header);
    let entries = Entries.deserialize(&mut reader).map_err(broken)?;
    reader.end().map_err(broken)?;
    Ok(entries)
}

struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = BTreeMap<String, TensorInfo>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = BTreeMap<String, TensorInfo>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let info: TensorInfo = map.next_value().map_err(|error| {
                A::Error::custom(format!("the entry of tensor `{name}` is wrong: {error}"))
            })?;
            if entries.contains_key(&name) {
                return Err(A::Error::custom(format!("tensor `{name}` is there twice")));
            }
            entries.insert(name, info);
        }
        Ok(entries)
    }
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

pub(super) fn unreadable(error: &io::Error) -> Failure {
    Failure::input(format!("cannot be read: {error}"))
}
