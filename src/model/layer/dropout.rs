//! Dropout (Srivastava et al. 2014) whose mask is a function of addresses, not of a generator that runs on.
//!
//! Every token brings a key, drawn from (seed, step, example, place in the example); a layer has a number, a column of
//! the activations has a number. The mask is arithmetic on these three in the graph itself:
//!
//! ```text
//! t = key * 48271^(layer + 1)  mod (2^30 - 35)        one per token
//! b = (16807^(column + 1) mod (2^31 - 1)) / 2         one per column, a constant
//! z = (t + b)^3                mod (2^31 - 1)         one per element; kept if z >= rate * (2^31 - 1)
//! ```
//!
//! So a step that is cut into other batches, packed in other rows, resumed or recomputed has the same mask, nothing but
//! one number per token goes to the device, and no mask need be kept.
//!
//! # Decisions
//! - A sum of keys alone would tie the four corners of every rectangle of the mask together; a polynomial of degree 3
//!   modulo a prime does not (the test looks at exactly that). All products stay below 2^63.
//! - Multiplication and remainder of i64 have kernels on the CPU and on CUDA; shifts and exclusive-or do not.

use std::collections::BTreeMap;

use crate::{
    failure::bug,
    graph::{Dim, Graph, Value, op},
    tensor::Tensor,
};

/// 2^31 - 1.
const PRIME: u64 = (1 << 31) - 1;
/// The largest prime below 2^30.
const KEY_PRIME: u64 = (1 << 30) - 35;

/// Keys are drawn from `0..KEYS`.
pub const KEYS: u64 = 1 << 30;

/// Dropout for the layers of one graph.
#[derive(Clone, Debug)]
pub struct Dropout {
    rate: f64,
    /// The keys of tokens, i64, in every arrangement of tokens that occurs.
    keys: Vec<Value>,
    /// The constants of each width.
    columns: BTreeMap<usize, Value>,
}

impl Dropout {
    /// Drops the share `rate`, 0 to below 1. `keys` are i64 in `0..KEYS`, one per token: once in the shape of all
    /// tokens and once for every selection of tokens that dropout meets.
    pub fn new(rate: f64, keys: Vec<Value>) -> Self {
        Self { rate, keys, columns: BTreeMap::new() }
    }

    /// What the elements that are kept must be multiplied with, so that the expected sum stays: `1 / (1 - rate)`.
    pub fn scale(&self) -> f64 {
        1.0 / (1.0 - self.rate)
    }

    /// `x [.., width]` with the dropped elements set to 0, *without* [`Self::scale`]. `layer` tells apart what has masks
    /// of its own.
    pub fn apply(&mut self, g: &mut Graph, x: Value, layer: usize) -> Value {
        let keep = self.keep(g, x, layer);
        let zero = g.scalar(0.0, g.dtype(x));
        op::where_(g, keep, x, zero)
    }

    /// Which elements of `x [.., width]` are kept: bool, in its shape.
    fn keep(&mut self, g: &mut Graph, x: Value, layer: usize) -> Value {
        let mut tokens = g.shape(x);
        let width = tokens.pop().map_or(1, |width| width.expect_known());
        let count = Dim::product(&tokens);
        let fitting = self.keys.iter().find(|keys| Dim::product(&g.fact(**keys).shape) == count);
        let Some(keys) = fitting.copied() else { bug("dropout of tokens without keys") };
        let columns = *self.columns.entry(width).or_insert_with(|| {
            let columns = (1..=width as u64).map(|column| power(16_807, column) / 2).collect();
            g.constant(integers(&[width], columns))
        });
        let integer = |g: &mut Graph, number: u64| g.constant(integers(&[], vec![number]));
        let factor = integer(g, power(48_271, layer as u64 + 1));
        let key_prime = integer(g, KEY_PRIME);
        let prime = integer(g, PRIME);
        let least = integer(g, (self.rate * PRIME as f64).round() as u64);

        let token = op::mul(g, keys, factor);
        let token = op::modulo(g, token, key_prime);
        let token = op::reshape(g, token, &tokens);
        let token = op::unsqueeze(g, token, &[-1]); // [..] -> [..,1]
        let sum = op::add(g, token, columns); // [..,width]
        let square = op::mul(g, sum, sum);
        let square = op::modulo(g, square, prime);
        let cube = op::mul(g, square, sum);
        let cube = op::modulo(g, cube, prime);
        op::greater_or_equal(g, cube, least)
    }
}

/// `base^exponent mod PRIME`.
fn power(base: u64, exponent: u64) -> u64 {
    let (mut result, mut factor, mut left) = (1, base, exponent);
    while left > 0 {
        if left % 2 == 1 {
            result = result * factor % PRIME;
        }
        factor = factor * factor % PRIME;
        left /= 2;
    }
    result
}

fn integers(shape: &[usize], numbers: Vec<u64>) -> Tensor {
    let numbers = numbers.into_iter().map(|number| number as i64).collect();
    Tensor::i64(shape, numbers).unwrap_or_else(|| bug("constants of the wrong size"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Draws;

    /// The formula of the module's head, number by number.
    fn kept(key: u64, layer: u32, column: u64, rate: f64) -> bool {
        let t = key * power(48_271, u64::from(layer) + 1) % KEY_PRIME;
        let s = t + power(16_807, column + 1) / 2;
        let z = s * s % PRIME * s % PRIME;
        z >= (rate * PRIME as f64).round() as u64
    }

    /// Kept elements as +1, dropped ones as -1, at a rate of one half.
    fn signs(layer: u32) -> Vec<Vec<f64>> {
        let mut draws = Draws::new(5, "keys", 0);
        let keys: Vec<u64> = (0..400).map(|_| draws.bits() % KEYS).collect();
        let sign = |key: u64, column: u64| if kept(key, layer, column, 0.5) { 1.0 } else { -1.0 };
        keys.iter().map(|key| (0..256).map(|column| sign(*key, column)).collect()).collect()
    }

    #[test]
    fn powers_are_those_of_the_minimal_standard_generator() {
        // Park and Miller 1988: the 10,000th number of 16807 from 1 is 1043618065.
        assert_eq!(power(16_807, 10_000), 1_043_618_065);
    }

    #[test]
    fn the_share_that_is_dropped_is_the_rate() {
        let mut draws = Draws::new(5, "keys", 0);
        for rate in [0.05, 0.1, 0.5] {
            let count = 400 * 256;
            let dropped: usize = (0..400)
                .map(|_| {
                    let key = draws.bits() % KEYS;
                    (0..256).filter(|column| !kept(key, 3, *column, rate)).count()
                })
                .sum();
            let deviation = (rate * (1.0 - rate) * f64::from(count)).sqrt();
            let distance = (dropped as f64 - rate * f64::from(count)).abs();
            assert!(distance < 4.0 * deviation, "{rate}: {dropped} of {count}");
        }
    }

    #[test]
    fn neighbours_rectangles_and_layers_are_independent() {
        let (here, there) = (signs(0), signs(1));
        let rows = here.len() - 1;
        let columns = here[0].len() - 1;
        let mut sums = [0.0; 4];
        for i in 0..rows {
            for j in 0..columns {
                let (a, b, c, d) = (here[i][j], here[i][j + 1], here[i + 1][j], here[i + 1][j + 1]);
                for (sum, product) in sums.iter_mut().zip([a * b, a * c, a * b * c * d, a * there[i][j]]) {
                    *sum += product;
                }
            }
        }
        let deviation = ((rows * columns) as f64).sqrt();
        assert!(sums.iter().all(|sum| sum.abs() < 4.0 * deviation), "{sums:?}, deviation {deviation}");
    }
}
