//! Host tensors to values of the library and back. Going in borrows where it can; coming out copies.

use ndarray::ArrayD;
use ort::{
    session::SessionInputValue,
    value::{DynValue, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType, TensorRef},
};

use super::error::refused;
use crate::{
    failure::Failure,
    tensor::{DType, Tensor, with_array},
};

/// A view of `tensor` as an input value: no copy if it is row-major, which it nearly always is.
pub(super) fn view<'t>(name: &str, tensor: &'t Tensor) -> Result<SessionInputValue<'t>, Failure> {
    with_array!(tensor, array => view_array(array))
        .map_err(|error| refused(&format!("take `{name}`"), &error))
}

fn view_array<T>(array: &ArrayD<T>) -> ort::Result<SessionInputValue<'_>>
where
    T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
{
    if array.is_standard_layout() {
        Ok(TensorRef::from_array_view(array.view())?.into())
    } else {
        Ok(OrtTensor::from_array(array.as_standard_layout().into_owned())?.into())
    }
}

/// An owned value with the elements of `tensor`; moves them without a copy if they are row-major.
pub(super) fn own(name: &str, tensor: Tensor) -> Result<DynValue, Failure> {
    with_array!(tensor, array => own_array(array)).map_err(|error| refused(&format!("take `{name}`"), &error))
}

fn own_array<T>(array: ArrayD<T>) -> ort::Result<DynValue>
where
    T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
{
    let array = if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() };
    Ok(OrtTensor::from_array(array)?.into_dyn())
}

/// A host tensor with the elements of `value`, which must lie in host memory.
pub(super) fn copy(name: &str, value: &DynValue) -> Result<Tensor, Failure> {
    let failed = |error: ort::Error| refused(&format!("give `{name}`"), &error);
    let dtype = match value.dtype() {
        ort::value::ValueType::Tensor { ty, .. } => dtype(*ty),
        _ => None,
    };
    let dtype = dtype.ok_or_else(|| {
        Failure::runtime(format!(
            "output `{name}` is of a type that tensors here do not have: {}",
            value.dtype()
        ))
    })?;
    Ok(match dtype {
        DType::F32 => Tensor::F32(value.try_extract_array().map_err(failed)?.to_owned()),
        DType::F64 => Tensor::F64(value.try_extract_array().map_err(failed)?.to_owned()),
        DType::F16 => Tensor::F16(value.try_extract_array().map_err(failed)?.to_owned()),
        DType::Bf16 => Tensor::Bf16(value.try_extract_array().map_err(failed)?.to_owned()),
        DType::I64 => Tensor::I64(value.try_extract_array().map_err(failed)?.to_owned()),
        DType::I32 => Tensor::I32(value.try_extract_array().map_err(failed)?.to_owned()),
        DType::Bool => Tensor::Bool(value.try_extract_array().map_err(failed)?.to_owned()),
    })
}

/// The library's name of an element type.
pub(super) const fn element_type(dtype: DType) -> TensorElementType {
    match dtype {
        DType::F32 => TensorElementType::Float32,
        DType::F64 => TensorElementType::Float64,
        DType::F16 => TensorElementType::Float16,
        DType::Bf16 => TensorElementType::Bfloat16,
        DType::I64 => TensorElementType::Int64,
        DType::I32 => TensorElementType::Int32,
        DType::Bool => TensorElementType::Bool,
    }
}

fn dtype(element: TensorElementType) -> Option<DType> {
    [DType::F32, DType::F64, DType::F16, DType::Bf16, DType::I64, DType::I32, DType::Bool]
        .into_iter()
        .find(|dtype| element_type(*dtype) == element)
}
