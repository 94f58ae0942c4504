//! The operators: one file each, with builder, rule for facts, gradient and sample cases.
//!
//! To add one: write `op/<name>.rs` like its neighbours and add its `mod`, its `pub use` and its row in [`OPS`]. The tests
//! draw their cases from the table, and fail for a file without a row or a row without cases.

use crate::{
    graph::{Graph, Value},
    tensor::{DType, Tensor},
};

mod abs;
mod add;
mod and;
mod cast;
mod clip;
mod concat;
mod constant_of_shape;
mod cos;
mod cumsum;
mod div;
mod equal;
mod erf;
mod exp;
mod expand;
mod gather;
mod gather_elements;
mod greater;
mod greater_or_equal;
mod group_query_attention;
mod identity;
mod less;
mod less_or_equal;
mod linear;
mod log;
mod log_softmax;
mod matmul;
mod max;
mod min;
mod modulo;
mod mul;
mod neg;
mod not;
mod one_hot;
mod or;
mod pow;
mod range;
mod reciprocal;
mod reduce_max;
mod reduce_mean;
mod reduce_sum;
mod reshape;
mod scatter_elements;
mod scatter_nd;
mod shape;
mod sigmoid;
mod sign;
mod silu;
mod sin;
mod slice;
mod softmax;
mod softmax_matmul;
mod softplus;
mod split;
mod sqrt;
mod squeeze;
mod stop_gradient;
mod sub;
mod tanh;
mod token_log_probability;
mod transpose;
mod unsqueeze;
mod where_;

mod case;
mod rule;

pub use case::{Case, Content, Operand, Row};

/// Re-exports the builders and makes the table.
macro_rules! operators {
    ($($file:ident: $($builder:ident),+;)+) => {
        $(pub use $file::{$($builder),+};)+

        /// All operators with their sample cases.
        pub static OPS: &[Row] = &[$(Row { name: stringify!($file), cases: $file::cases }),+];
    };
}

operators! {
    abs: abs;
    add: add;
    and: and;
    cast: cast;
    clip: clip;
    concat: concat;
    constant_of_shape: constant_of_shape;
    cos: cos;
    cumsum: Direction, cumsum;
    div: div;
    equal: equal;
    erf: erf;
    exp: exp;
    expand: expand;
    gather: gather;
    gather_elements: gather_elements;
    greater: greater;
    greater_or_equal: greater_or_equal;
    group_query_attention: GroupQueryAttention, GroupQueryInputs, GroupQueryOutputs, HEAD_MULTIPLE, group_query_attention;
    identity: identity;
    less: less;
    less_or_equal: less_or_equal;
    linear: Matrix, gemm, linear, linear_of_few;
    log: log;
    log_softmax: log_softmax;
    matmul: matmul;
    max: max;
    min: min;
    modulo: modulo;
    mul: mul;
    neg: neg;
    not: not;
    one_hot: one_hot;
    or: or;
    pow: pow;
    range: range;
    reciprocal: reciprocal;
    reduce_max: reduce_max;
    reduce_mean: reduce_mean;
    reduce_sum: reduce_sum;
    reshape: reshape;
    scatter_elements: Scatter, scatter_elements;
    scatter_nd: scatter_nd;
    shape: shape;
    sigmoid: sigmoid;
    sign: sign;
    silu: silu;
    sin: sin;
    slice: slice;
    softmax: softmax;
    softmax_matmul: softmax_matmul;
    softplus: softplus;
    split: split;
    sqrt: sqrt;
    squeeze: squeeze;
    stop_gradient: stop_gradient;
    sub: sub;
    tanh: tanh;
    token_log_probability: token_log_probability;
    transpose: transpose, transpose_last;
    unsqueeze: unsqueeze;
    where_: where_;
}

pub use rule::{KeepDims, scaled};

/// A tensor without axes, rounded to `dtype`; for bool, whether `number` is not 0.
pub fn scalar_tensor(number: f64, dtype: DType) -> Tensor {
    full_tensor(&[], number, dtype)
}

/// A tensor of one repeated number, rounded to `dtype`.
pub(crate) fn full_tensor(shape: &[usize], number: f64, dtype: DType) -> Tensor {
    use ndarray::{ArrayD, IxDyn};
    let shape = IxDyn(shape);
    match dtype {
        DType::F32 => Tensor::F32(ArrayD::from_elem(shape, number as f32)),
        DType::F64 => Tensor::F64(ArrayD::from_elem(shape, number)),
        DType::F16 => Tensor::F16(ArrayD::from_elem(shape, half::f16::from_f64(number))),
        DType::Bf16 => Tensor::Bf16(ArrayD::from_elem(shape, half::bf16::from_f64(number))),
        DType::I64 => Tensor::I64(ArrayD::from_elem(shape, number as i64)),
        DType::I32 => Tensor::I32(ArrayD::from_elem(shape, number as i32)),
        DType::Bool => Tensor::Bool(ArrayD::from_elem(shape, number != 0.0)),
    }
}

/// Zeros with the shape and type of `like`.
pub(crate) fn zeros_like(g: &mut Graph, like: Value) -> Value {
    let fact = g.fact(like).clone();
    constant_of_shape(g, &fact.shape, 0.0, fact.dtype)
}
