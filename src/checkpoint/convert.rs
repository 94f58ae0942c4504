//! Converts weights between element types, on all cores.

use std::sync::Arc;

use bytemuck::Pod;
use half::{bf16, f16, slice::HalfFloatSliceExt};
use ndarray::ArrayD;
use rayon::prelude::*;

use super::Weights;
use crate::{
    failure::{Failure, bug},
    tensor::{DType, Tensor},
};

/// Elements that one core converts at a time.
const CHUNK: usize = 1 << 16;

/// A floating-point type that weights are stored in.
pub trait Float: Pod + Send + Sync {
    /// Puts the elements of `narrow` into `wide`, which is as long. f64 is rounded to nearest.
    fn widen(narrow: &[Self], wide: &mut [f32]);

    /// Whether no element is NaN or infinite.
    fn all_finite(elements: &[Self]) -> bool;
}

impl Float for f32 {
    fn widen(narrow: &[Self], wide: &mut [f32]) {
        wide.copy_from_slice(narrow);
    }

    fn all_finite(elements: &[Self]) -> bool {
        // Without a branch per element, so that the compiler can look at several at once.
        elements.iter().fold(true, |fine, element| fine & element.is_finite())
    }
}

impl Float for f64 {
    fn widen(narrow: &[Self], wide: &mut [f32]) {
        wide.iter_mut().zip(narrow).for_each(|(wide, narrow)| *wide = *narrow as f32);
    }

    fn all_finite(elements: &[Self]) -> bool {
        elements.iter().fold(true, |fine, element| fine & element.is_finite())
    }
}

impl Float for f16 {
    fn widen(narrow: &[Self], wide: &mut [f32]) {
        narrow.convert_to_f32_slice(wide);
    }

    fn all_finite(elements: &[Self]) -> bool {
        elements.iter().fold(true, |fine, element| fine & (element.to_bits() & 0x7c00 != 0x7c00))
    }
}

impl Float for bf16 {
    fn widen(narrow: &[Self], wide: &mut [f32]) {
        // The upper half of an f32: faster than `half`'s conversion, which keeps NaNs quiet.
        let bits = |narrow: &Self| f32::from_bits(u32::from(narrow.to_bits()) << 16);
        wide.iter_mut().zip(narrow).for_each(|(wide, narrow)| *wide = bits(narrow));
    }

    fn all_finite(elements: &[Self]) -> bool {
        elements.iter().fold(true, |fine, element| fine & (element.to_bits() & 0x7f80 != 0x7f80))
    }
}

/// An f32 array in another floating-point type, rounded to nearest even. A number that the type has no room for is an
/// error.
pub fn narrow(array: ArrayD<f32>, wanted: DType) -> Result<Tensor, Failure> {
    Ok(match wanted {
        DType::F32 => Tensor::F32(array),
        DType::F64 => Tensor::F64(array.mapv(f64::from)),
        DType::Bf16 => Tensor::Bf16(mapped(&array, bf16::from_f32, "bf16")?),
        DType::F16 => Tensor::F16(mapped(&array, f16::from_f32, "f16")?),
        DType::I64 | DType::I32 | DType::Bool => bug("weights as integers"),
    })
}

fn mapped<T: Float>(array: &ArrayD<f32>, one: fn(f32) -> T, name: &str) -> Result<ArrayD<T>, Failure> {
    let wide = array.as_slice().unwrap_or_else(|| bug("weights are row-major"));
    let mut narrow = vec![T::zeroed(); wide.len()];
    let chunks = narrow.par_chunks_mut(CHUNK).zip(wide.par_chunks(CHUNK));
    chunks.try_for_each(|(narrow, wide)| {
        narrow.iter_mut().zip(wide).for_each(|(narrow, wide)| *narrow = one(*wide));
        if T::all_finite(narrow) || !f32::all_finite(wide) {
            return Ok(());
        }
        Err(Failure::input(format!("it holds a number that is too large for {name}")))
    })?;
    Ok(ArrayD::from_shape_vec(array.raw_dim(), narrow).unwrap_or_else(|error| bug(error)))
}

/// All weights as f32. Those that are f32 already are not copied; integers and truth values are no weights.
pub fn to_f32(weights: Weights) -> Result<Weights, Failure> {
    let convert = |(name, tensor): (String, Arc<Tensor>)| {
        let converted = match &*tensor {
            Tensor::F32(_) => return Ok((name, tensor)),
            Tensor::F64(array) => Tensor::F32(array.mapv(|value| value as f32)),
            Tensor::F16(array) => Tensor::F32(array.mapv(f16::to_f32)),
            Tensor::Bf16(array) => Tensor::F32(array.mapv(bf16::to_f32)),
            Tensor::I64(_) | Tensor::I32(_) | Tensor::Bool(_) => {
                let dtype = tensor.dtype();
                return Err(Failure::input(format!("tensor `{name}` holds {dtype:?}, which are no weights")));
            }
        };
        Ok((name, Arc::new(converted)))
    };
    weights.into_par_iter().map(convert).collect()
}

/// All f32 weights as bf16, rounded to nearest even; other types stay.
pub fn to_bf16(weights: Weights) -> Weights {
    let convert = |(name, tensor): (String, Arc<Tensor>)| match &*tensor {
        Tensor::F32(array) => (name, Arc::new(Tensor::Bf16(array.mapv(bf16::from_f32)))),
        _ => (name, tensor),
    };
    weights.into_par_iter().map(convert).collect()
}
