//! AdamW (Loshchilov and Hutter 2019) as `torch.optim.AdamW` computes it, after clipping the gradient's global norm as
//! `torch.nn.utils.clip_grad_norm_` does.
//!
//! With gradient `g`, rate `lr` and step `t` from 1:
//!
//! ```text
//! g  <- g * min(1, max_norm / (|g| + 1e-6))
//! m  <- b1 m + (1 - b1) g            v <- b2 v + (1 - b2) g^2
//! p  <- p - lr wd p - lr m/(1 - b1^t) / (sqrt(v/(1 - b2^t)) + eps)
//! ```
//!
//! Every quantity that changes from step to step enters as one number of the input `rates`, so one graph serves all
//! steps; every output may be bound to the buffer of the input it replaces, because each input is read for the last
//! time by the node that the output comes from or by one before it.

use crate::{
    graph::{Dim, Graph, Value, op},
    tensor::DType,
};

/// Settings of AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the first and of the second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// The largest global gradient norm; 0 for no clipping.
    pub max_grad_norm: f64,
}

/// Added to the norm before dividing by it, as PyTorch does.
const CLIP_EPS: f64 = 1e-6;

/// Names of the graph's inputs and outputs.
pub mod name {
    /// Input: the flat trainable vector, f32 `[P]`. Output of the same meaning: [`NEXT_TRAINABLE`].
    pub const TRAINABLE: &str = "trainable";
    /// Input: first moment, f32 `[P]`.
    pub const FIRST: &str = "first_moment";
    /// Input: second moment, f32 `[P]`.
    pub const SECOND: &str = "second_moment";
    /// Input: gradient of the step, f32 `[P]`.
    pub const GRADIENT: &str = "gradient";
    /// Input: what [`super::AdamW::rates`] returns for the step, f32 `[3]`; with an auxiliary part
    /// [`super::AdamW::rates_with_auxiliary`], f32 `[6]`.
    pub const RATES: &str = "rates";
    /// Initializer: 1 in the auxiliary part and 0 elsewhere, f32 `[P]`; absent without one.
    pub const AUXILIARY: &str = "auxiliary";
    /// Initializer: 1 where weight decay applies and 0 elsewhere, f32 `[P]`; absent if it applies nowhere or everywhere.
    pub const DECAYED: &str = "decayed";
    /// Output: the trainable vector after the step.
    pub const NEXT_TRAINABLE: &str = "next_trainable";
    /// Output: the first moment after the step.
    pub const NEXT_FIRST: &str = "next_first_moment";
    /// Output: the second moment after the step.
    pub const NEXT_SECOND: &str = "next_second_moment";
    /// Output: the global L2 norm of the gradient before clipping, f32 without axes.
    pub const NORM: &str = "grad_norm";
}

impl AdamW {
    /// The numbers of step `step` (from 1) at learning rate `rate`: the size of an update, what is added to the root of
    /// the second moment, and the share of a weight that decays.
    ///
    /// `m/c1 / (sqrt(v/c2) + eps) = sqrt(c2)/c1 * m / (sqrt(v) + eps sqrt(c2))` with `ci = 1 - bi^t`.
    pub fn rates(&self, rate: f64, step: usize) -> [f32; 3] {
        let step = i32::try_from(step).unwrap_or(i32::MAX);
        let [first, second] = self.betas.map(|beta| 1.0 - beta.powi(step));
        [
            (rate * second.sqrt() / first) as f32,
            (self.eps * second.sqrt()) as f32,
            (rate * self.weight_decay) as f32,
        ]
    }

    /// The numbers of a step with an auxiliary part, which has a rate and a count of steps of its own: `auxiliary` is its
    /// rate and its step (from 1), or nothing if it stays as it is in this step, moments included.
    pub fn rates_with_auxiliary(&self, rate: f64, step: usize, auxiliary: Option<(f64, usize)>) -> [f32; 6] {
        let [size, eps, decay] = self.rates(rate, step);
        let [own_size, own_eps, _] = auxiliary.map_or([0.0; 3], |(rate, step)| self.rates(rate, step));
        // A part that rests divides 0 by its own root, which may be 0: any number above 0 keeps it finite.
        let own_eps = if auxiliary.is_some() { own_eps } else { 1.0 };
        [size, eps, decay, own_size, own_eps, f32::from(u8::from(auxiliary.is_none()))]
    }

    /// The update of `len` values, of which the first `decayed` are subject to weight decay and the last `auxiliary` have
    /// rates of their own.
    pub fn graph(&self, len: usize, decayed: usize, auxiliary: usize) -> Graph {
        let mut graph = Graph::new();
        let g = &mut graph;
        let flat = [Dim::known(len)];
        let trainable = g.input(name::TRAINABLE, DType::F32, &flat);
        let first = g.input(name::FIRST, DType::F32, &flat);
        let second = g.input(name::SECOND, DType::F32, &flat);
        let gradient = g.input(name::GRADIENT, DType::F32, &flat);
        let count = if auxiliary > 0 { 6 } else { 3 };
        let rates = g.input(name::RATES, DType::F32, &[Dim::known(count)]);
        let [mut size, mut eps, decay] = [0, 1, 2].map(|index| op::slice(g, rates, 0, index, index + 1));
        let mut resting = None;
        if auxiliary > 0 {
            let part = g.initializer(name::AUXILIARY, DType::F32, &[len]);
            let [own_size, own_eps, rests] = [3, 4, 5].map(|index| op::slice(g, rates, 0, index, index + 1));
            size = blend(g, size, own_size, part);
            eps = blend(g, eps, own_eps, part);
            resting = Some(op::mul(g, part, rests));
        }

        let square = op::mul(g, gradient, gradient);
        let norm = op::reduce_sum(g, square, &[0], op::KeepDims::No);
        let norm = op::sqrt(g, norm);
        let clip = g.scope("clip", |g| self.clip(g, norm));
        let [keep_first, keep_second] = self.betas;
        let next_first = g.scope("first", |g| average(g, first, keep_first, (gradient, clip), resting));
        let clip_square = clip.map(|clip| op::mul(g, clip, clip));
        let next_second =
            g.scope("second", |g| average(g, second, keep_second, (square, clip_square), resting));

        let root = op::sqrt(g, next_second);
        let root = op::add(g, root, eps);
        let direction = op::div(g, next_first, root);
        let mut step = op::mul(g, direction, size);
        if self.weight_decay > 0.0 && decayed > 0 {
            let mut shrink = op::mul(g, trainable, decay);
            if decayed < len {
                let mask = g.initializer(name::DECAYED, DType::F32, &[len]);
                shrink = op::mul(g, shrink, mask);
            }
            step = op::add(g, step, shrink);
        }
        let next = op::sub(g, trainable, step);
        g.output(name::NEXT_TRAINABLE, next);
        g.output(name::NEXT_FIRST, next_first);
        g.output(name::NEXT_SECOND, next_second);
        g.output(name::NORM, norm);
        graph
    }

    /// The factor that brings the gradient down to the largest norm.
    fn clip(&self, g: &mut Graph, norm: Value) -> Option<Value> {
        (self.max_grad_norm > 0.0).then(|| {
            let most = g.scalar(self.max_grad_norm, DType::F32);
            let tiny = g.scalar(CLIP_EPS, DType::F32);
            let one = g.scalar(1.0, DType::F32);
            let norm = op::add(g, norm, tiny);
            let factor = op::div(g, most, norm);
            op::min(g, factor, one)
        })
    }
}

/// `main` where `part` is 0 and `own` where it is 1.
fn blend(g: &mut Graph, main: Value, own: Value, part: Value) -> Value {
    let more = op::sub(g, own, main);
    let more = op::mul(g, more, part);
    op::add(g, main, more)
}

/// `keep * old + (1 - keep) * factor * new`, but `old` where `resting` is 1.
fn average(
    g: &mut Graph,
    old: Value,
    keep: f64,
    (new, factor): (Value, Option<Value>),
    resting: Option<Value>,
) -> Value {
    let mut kept = g.scalar(keep, DType::F32);
    let mut share = g.scalar(1.0 - keep, DType::F32);
    if let Some(resting) = resting {
        let one = g.scalar(1.0, DType::F32);
        kept = blend(g, kept, one, resting);
        let awake = op::sub(g, one, resting);
        share = op::mul(g, share, awake);
    }
    let kept = op::mul(g, old, kept);
    if let Some(factor) = factor {
        share = op::mul(g, share, factor);
    }
    let added = op::mul(g, new, share);
    op::add(g, kept, added)
}
