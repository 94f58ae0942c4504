//! Non-linear functions of feed-forward layers.

use crate::graph::{Graph, Value, op};

/// An activation, by the names that `config.json` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x sigmoid(x)`: `silu`, `swish`.
    Silu,
    /// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x³)))`: `gelu_pytorch_tanh`, `gelu_new`.
    GeluTanh,
    /// `x/2 (1 + erf(x / sqrt(2)))`: `gelu`.
    Gelu,
}

impl Activation {
    /// The activation that `config.json` calls so.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu_pytorch_tanh" | "gelu_new" => Some(Self::GeluTanh),
            "gelu" => Some(Self::Gelu),
            _ => None,
        }
    }

    /// Applies it to every element.
    pub fn apply(self, g: &mut Graph, x: Value) -> Value {
        match self {
            Self::Silu => op::silu(g, x),
            Self::GeluTanh => {
                let curve = gelu_tanh_curve(g, x);
                gated(g, x, curve)
            }
            Self::Gelu => {
                let factor = g.scalar(std::f64::consts::FRAC_1_SQRT_2, g.dtype(x));
                let inner = op::mul(g, x, factor);
                let curve = op::erf(g, inner);
                gated(g, x, curve)
            }
        }
    }
}

/// `x/2 (1 + curve)`
fn gated(g: &mut Graph, x: Value, curve: Value) -> Value {
    let dtype = g.dtype(x);
    let one = g.scalar(1.0, dtype);
    let gate = op::add(g, curve, one);
    let half = g.scalar(0.5, dtype);
    let halved = op::mul(g, x, half);
    op::mul(g, halved, gate)
}

fn gelu_tanh_curve(g: &mut Graph, x: Value) -> Value {
    let dtype = g.dtype(x);
    let square = op::mul(g, x, x);
    let cube = op::mul(g, square, x);
    let factor = g.scalar(0.044_715, dtype);
    let bent = op::mul(g, cube, factor);
    let inner = op::add(g, x, bent);
    let factor = g.scalar((2.0 / std::f64::consts::PI).sqrt(), dtype);
    let inner = op::mul(g, inner, factor);
    op::tanh(g, inner)
}
