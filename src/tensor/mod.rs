//! Host tensors: what crosses the borders between checkpoint, graph, runtime, decode and train.

pub mod close;

use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};

/// Element types that tensors and graphs know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 64-bit float; used to check gradients.
    F64,
    /// 16-bit IEEE float.
    F16,
    /// 16-bit brain float.
    Bf16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// Truth value.
    Bool,
}

impl DType {
    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Bool => 1,
        }
    }

    /// Whether values are real numbers that gradients can flow through.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }
}

/// A dense tensor in host memory, row-major.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "one variant per DType, named like it")]
pub enum Tensor {
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
    F16(ArrayD<f16>),
    Bf16(ArrayD<bf16>),
    I64(ArrayD<i64>),
    I32(ArrayD<i32>),
    Bool(ArrayD<bool>),
}

/// Calls `$body` with `$array` bound to the array of whatever type `$tensor` holds.
macro_rules! with_array {
    ($tensor:expr, $array:ident => $body:expr) => {
        match $tensor {
            $crate::tensor::Tensor::F32($array) => $body,
            $crate::tensor::Tensor::F64($array) => $body,
            $crate::tensor::Tensor::F16($array) => $body,
            $crate::tensor::Tensor::Bf16($array) => $body,
            $crate::tensor::Tensor::I64($array) => $body,
            $crate::tensor::Tensor::I32($array) => $body,
            $crate::tensor::Tensor::Bool($array) => $body,
        }
    };
}
pub(crate) use with_array;

impl Tensor {
    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
            Self::F16(_) => DType::F16,
            Self::Bf16(_) => DType::Bf16,
            Self::I64(_) => DType::I64,
            Self::I32(_) => DType::I32,
            Self::Bool(_) => DType::Bool,
        }
    }

    /// The extent of each axis.
    pub fn shape(&self) -> &[usize] {
        with_array!(self, array => array.shape())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        with_array!(self, array => array.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An f32 tensor from row-major values; `None` if their number does not fit the shape.
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Option<Self> {
        ArrayD::from_shape_vec(IxDyn(shape), values).ok().map(Self::F32)
    }

    /// An f64 tensor from row-major values; `None` if their number does not fit the shape.
    pub fn f64(shape: &[usize], values: Vec<f64>) -> Option<Self> {
        ArrayD::from_shape_vec(IxDyn(shape), values).ok().map(Self::F64)
    }

    /// An i64 tensor from row-major values; `None` if their number does not fit the shape.
    pub fn i64(shape: &[usize], values: Vec<i64>) -> Option<Self> {
        ArrayD::from_shape_vec(IxDyn(shape), values).ok().map(Self::I64)
    }

    /// An i32 tensor from row-major values; `None` if their number does not fit the shape.
    pub fn i32(shape: &[usize], values: Vec<i32>) -> Option<Self> {
        ArrayD::from_shape_vec(IxDyn(shape), values).ok().map(Self::I32)
    }

    /// The row-major f32 values, if that is what it holds.
    pub fn as_f32(&self) -> Option<&[f32]> {
        if let Self::F32(array) = self { array.as_slice() } else { None }
    }

    /// The row-major f64 values, if that is what it holds.
    pub fn as_f64(&self) -> Option<&[f64]> {
        if let Self::F64(array) = self { array.as_slice() } else { None }
    }

    /// The row-major i64 values, if that is what it holds.
    pub fn as_i64(&self) -> Option<&[i64]> {
        if let Self::I64(array) = self { array.as_slice() } else { None }
    }
}
