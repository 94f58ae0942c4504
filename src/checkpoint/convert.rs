//! Converts weights between element types, on all cores.

use std::sync::Arc;

use half::{bf16, f16};
use ndarray::{ArrayD, Zip};
use rayon::prelude::*;

use super::Weights;
use crate::{failure::Failure, tensor::Tensor};

/// All weights as f32. Those that are f32 already are not copied; integers and truth values are no weights.
pub fn to_f32(weights: Weights) -> Result<Weights, Failure> {
    let convert = |(name, tensor): (String, Arc<Tensor>)| {
        let converted = match &*tensor {
            Tensor::F32(_) => return Ok((name, tensor)),
            Tensor::F64(array) => Tensor::F32(array.mapv(|value| value as f32)),
            Tensor::F16(array) => Tensor::F32(widen(array, f16::to_f32)),
            Tensor::Bf16(array) => Tensor::F32(widen(array, bf16::to_f32)),
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

fn widen<T: Copy + Sync>(array: &ArrayD<T>, one: impl Fn(T) -> f32) -> ArrayD<f32> {
    let mut wide = ArrayD::zeros(array.raw_dim());
    Zip::from(&mut wide).and(array).for_each(|wide, narrow| *wide = one(*narrow));
    wide
}
