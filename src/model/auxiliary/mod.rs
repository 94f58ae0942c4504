//! Auxiliary terms: what is added to any objective to bring the states of one prompt in several languages together.
//!
//! In: hidden states of the last token of a prompt in L languages, `[Q,L,H]` for Q questions. Out: one loss per question
//! `[Q]`, differentiable by the states and by the extractor, and numbers to watch.
//!
//! ```text
//! r = W h + b, z = r / |r|                 Z = [z_1 .. z_L], singular values s_1 >= .. >= s_L
//! mlc      -log softmax(s / tau)_1         s divided by sg(s_1) first, if sigma_scale says so     (methods 4.3, 4.4)
//! cosine   1 - mean over i < j of z_i . z_j                                                      (methods 4.9)
//! ```
//!
//! # Decisions
//! - Singular values without a decomposition operator: with eigenvectors `v_j` of the L x L matrix `Z Z^T` taken as
//!   constants, `s_j = |Z^T v_j|` has the value of the singular value and exactly its first-order gradient `u_j v_j^T`
//!   (methods 4.4). At equal singular values any basis gives a valid subgradient; where `s_j` is 0 the gradient is 0. The
//!   eigenvectors are computed in f64 ([`jacobi`]), because squaring halves the digits.

mod jacobi;

use crate::{
    graph::{Dim, Graph, Value, op},
    random::Draws,
    tensor::DType,
};

/// Languages that a term may compare, at least two.
pub const MOST_LANGUAGES: usize = 16;
/// Singular values below this count as this, and have no gradient.
const FLOOR: f64 = 1e-6;
/// Added to lengths before dividing by them, as the released code does.
const LENGTH_EPS: f64 = 1e-12;

/// What the singular values are divided by before the temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigmaScale {
    /// Nothing, as the paper's formula is reported.
    None,
    /// The largest of them as a constant, as in the released code.
    DetachFirst,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Term {
    /// The share of the first singular value.
    Mlc {
        /// The temperature; above 0.
        tau: f64,
        /// The scale of the singular values.
        sigma_scale: SigmaScale,
    },
    /// The mean cosine of pairs of languages.
    Cosine,
}

impl Term {
    /// The name in recipes, and what stands before its metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mlc { .. } => "mlc",
            Self::Cosine => "cosine",
        }
    }

    /// The name of its loss among the metrics.
    pub fn loss_name(&self) -> &'static str {
        match self {
            Self::Mlc { .. } => "mlc/loss",
            Self::Cosine => "cosine/loss",
        }
    }
}

/// Which hidden state is compared: `0` are the embeddings, `k` is what layer k gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Depth {
    /// The last layer.
    Last,
    /// So many layers.
    Layer(usize),
    /// The share of all layers, rounded; 0 to 1.
    Share(f64),
}

impl Depth {
    /// The number of the hidden state in a network of `layers` layers; `None` if it has no such state.
    pub fn layer(self, layers: usize) -> Option<usize> {
        let number = match self {
            Self::Last => layers,
            Self::Layer(number) => number,
            Self::Share(share) => (layers as f64 * share).round() as usize,
        };
        (number <= layers).then_some(number)
    }
}

/// How an extractor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtractorInit {
    /// Weights and bias uniform within `1 / sqrt(H)` (`torch.nn.Linear`'s default, Kaiming-uniform with `a = sqrt(5)`).
    Kaiming,
    /// Weights uniform within `sqrt(6 / (H + D))` (Xavier), bias 0.
    XavierZeroBias,
}

/// A linear map `[D,H]` with bias that hidden states pass through; trained with the model, not part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extractor {
    /// D, at least 1.
    pub width: usize,
    /// How it begins.
    pub init: ExtractorInit,
    /// Its learning rate; that of the model if absent.
    pub learning_rate: Option<f64>,
}

/// An auxiliary term.
#[derive(Clone, Debug, PartialEq)]
pub struct Auxiliary {
    /// What is measured.
    pub term: Term,
    /// Its weight beside the objective (methods 4.3's lambda).
    pub weight: f64,
    /// Which hidden state is compared.
    pub depth: Depth,
    /// Whether the last layer's state passes through the final norm, as Hugging Face's last `hidden_states` does.
    pub final_norm: bool,
    /// What the states pass through; nothing if absent.
    pub extractor: Option<Extractor>,
    /// It is added in every so-manyth optimizer step, the first included; at least 1.
    pub every: usize,
    /// L: the number of languages, 2 to [`MOST_LANGUAGES`].
    pub languages: usize,
}

/// Names of the extractor's tensors.
pub mod name {
    /// The weight, `[D,H]`.
    pub const WEIGHT: &str = "extractor.weight";
    /// The bias, `[D]`.
    pub const BIAS: &str = "extractor.bias";
}

/// The nodes of a term.
#[derive(Clone, Debug)]
pub struct Built {
    /// The loss of each question, f32 `[Q]`, without the weight.
    pub losses: Value,
    /// Further numbers of each question, f32 `[Q]`, by the names of their means.
    pub metrics: Vec<(&'static str, Value)>,
}

impl Auxiliary {
    /// Whether it is added in optimizer step `step`, counted from 0.
    pub fn is_due(&self, step: usize) -> bool {
        step.is_multiple_of(self.every.max(1))
    }

    /// Names and shapes of the extractor's tensors for hidden states of `width` numbers.
    pub fn tensors(&self, width: usize) -> Vec<(String, Vec<usize>)> {
        let Some(extractor) = &self.extractor else { return Vec::new() };
        vec![
            (name::WEIGHT.to_owned(), vec![extractor.width, width]),
            (name::BIAS.to_owned(), vec![extractor.width]),
        ]
    }

    /// The first values of the extractor's tensors, one after another.
    pub fn initial(&self, width: usize, seed: u64) -> Vec<f32> {
        let Some(extractor) = &self.extractor else { return Vec::new() };
        let (bound, bias) = match extractor.init {
            ExtractorInit::Kaiming => (1.0 / (width as f64).sqrt(), 1.0 / (width as f64).sqrt()),
            ExtractorInit::XavierZeroBias => ((6.0 / (width + extractor.width) as f64).sqrt(), 0.0),
        };
        let mut values = Vec::new();
        for (name, count, bound) in
            [(name::WEIGHT, extractor.width * width, bound), (name::BIAS, extractor.width, bias)]
        {
            let mut draws = Draws::new(seed, name, 0);
            values.extend((0..count).map(|_| ((2.0 * draws.uniform() - 1.0) * bound) as f32));
        }
        values
    }

    /// The term of `states` f32 `[Q,L,H]`; `extractor` are its weight and bias, if it has one.
    pub fn build(&self, g: &mut Graph, states: Value, extractor: Option<[Value; 2]>) -> Built {
        let vectors = match extractor {
            None => states,
            Some([weight, bias]) => {
                let product = op::linear(g, states, weight);
                op::add(g, product, bias)
            }
        };
        let units = normalised(g, vectors);
        match self.term {
            Term::Mlc { tau, sigma_scale } => mlc(g, units, tau, sigma_scale),
            Term::Cosine => Built { losses: cosine(g, units, self.languages), metrics: Vec::new() },
        }
    }
}

/// Vectors of length 1, `[Q,L,D]`.
fn normalised(g: &mut Graph, vectors: Value) -> Value {
    let squares = op::mul(g, vectors, vectors);
    let sum = op::reduce_sum(g, squares, &[-1], op::KeepDims::Yes);
    // A vector of zeros has no direction, but a gradient without NaN.
    let tiny = g.scalar(1e-30, DType::F32);
    let sum = op::add(g, sum, tiny);
    let length = op::sqrt(g, sum);
    let eps = g.scalar(LENGTH_EPS, DType::F32);
    let length = op::add(g, length, eps);
    op::div(g, vectors, length)
}

/// The singular values of each `Z [L,D]` of `units [Q,L,D]`, `[Q,L]` in no order.
fn singular_values(g: &mut Graph, units: Value) -> Value {
    let fixed = op::stop_gradient(g, units);
    let wide = op::cast(g, fixed, DType::F64);
    let turned = op::transpose(g, wide, &[0, 2, 1]);
    let gram = op::matmul(g, wide, turned);
    let vectors = jacobi::eigenvectors(g, gram);
    let vectors = op::cast(g, vectors, DType::F32);
    let vectors = op::stop_gradient(g, vectors);
    let parts = op::matmul(g, vectors, units); // row j is s_j u_j
    let squares = op::mul(g, parts, parts);
    let sums = op::reduce_sum(g, squares, &[-1], op::KeepDims::No);
    let floor = g.scalar(FLOOR * FLOOR, DType::F32);
    let sums = op::max(g, sums, floor);
    op::sqrt(g, sums)
}

fn mlc(g: &mut Graph, units: Value, tau: f64, sigma_scale: SigmaScale) -> Built {
    let values = g.scope("singular", |g| singular_values(g, units));
    let first = op::reduce_max(g, values, &[-1], op::KeepDims::Yes);
    let first = op::stop_gradient(g, first);
    let scaled = match sigma_scale {
        SigmaScale::None => values,
        SigmaScale::DetachFirst => {
            let eps = g.scalar(LENGTH_EPS, DType::F32);
            let first = op::add(g, first, eps);
            op::div(g, values, first)
        }
    };
    let tau = g.scalar(tau, DType::F32);
    let logits = op::div(g, scaled, tau);
    let log_shares = op::log_softmax(g, logits, -1);
    let of_first = op::reduce_max(g, log_shares, &[-1], op::KeepDims::No);
    let losses = op::neg(g, of_first);
    let sum = op::reduce_sum(g, values, &[-1], op::KeepDims::Yes);
    let share = op::div(g, first, sum);
    let share = op::reduce_sum(g, share, &[-1], op::KeepDims::No);
    Built { losses, metrics: vec![("mlc/first_share", share)] }
}

/// `1 - mean over i < j of z_i . z_j`, by `|sum z|^2 = sum |z|^2 + 2 sum over i < j`.
fn cosine(g: &mut Graph, units: Value, languages: usize) -> Value {
    let sum = op::reduce_sum(g, units, &[1], op::KeepDims::No);
    let square = op::mul(g, sum, sum);
    let square = op::reduce_sum(g, square, &[-1], op::KeepDims::No);
    let own = op::mul(g, units, units);
    let own = op::reduce_sum(g, own, &[1, 2], op::KeepDims::No);
    let both = op::sub(g, square, own);
    let pairs = g.scalar((languages * (languages - 1)) as f64, DType::F32);
    let mean = op::div(g, both, pairs);
    let one = g.scalar(1.0, DType::F32);
    op::sub(g, one, mean)
}

/// The hidden states that a term compares: of the tokens at the flat positions `anchors` i64 `[Q,L]`, f32 `[Q,L,H]`.
///
/// `states` are the embeddings and what each layer gives, `[N,H]`; `hidden` is the last one after the final norm.
pub fn states(g: &mut Graph, aux: &Auxiliary, states: &[Value], hidden: Value, anchors: Value) -> Value {
    let layers = states.len() - 1;
    let layer =
        aux.depth.layer(layers).unwrap_or_else(|| crate::failure::bug("a layer that the network has not"));
    let chosen = if layer == layers && aux.final_norm {
        let shape = g.shape(states[layer]);
        op::reshape(g, hidden, &[Dim::clone(&shape[0]), Dim::clone(&shape[1])])
    } else {
        states[layer]
    };
    let gathered = op::gather(g, chosen, anchors, 0);
    op::cast(g, gathered, DType::F32)
}
