//! Eigenvectors of small symmetric matrices by parallel cyclic Jacobi rotations, unrolled into a graph.
//!
//! ONNX has no decomposition of matrices. A sweep turns every pair of axes once; the pairs of one round share no axis, so
//! a round is one orthogonal matrix `R`, built from constants and the angles, and `A <- R A R^T`. The off-diagonal part
//! falls quadratically: eight sweeps reach the last bit of f64 up to 16 axes (tried on random, nearly parallel and
//! clustered vectors).
//!
//! The result is meant as a constant: no gradient flows through it.

use ndarray::{ArrayD, IxDyn};

use crate::{
    graph::{Dim, Graph, Value, op},
    tensor::{DType, Tensor},
};

/// Sweeps over all pairs of axes.
const SWEEPS: usize = 8;
/// Keeps `0 / 0` from the angle of a pair that is diagonal already. Not smaller than single precision can say: the library
/// leaves out an addition of what is 0 there.
const TINY: f64 = 1e-30;

/// The eigenvectors of `matrices`, f64 `[Q,n,n]`, symmetric, n at least 2: row j of each result is the j-th, in no order.
pub(super) fn eigenvectors(g: &mut Graph, matrices: Value) -> Value {
    let shape = g.shape(matrices);
    let (count, n) = (shape[0].clone(), shape[2].expect_known());
    let rounds: Vec<Round> = rounds(n).iter().map(|pairs| Round::new(g, pairs, n)).collect();
    // Two axes are diagonal after one rotation; few converge sooner than many.
    let sweeps = match n {
        2 => 1,
        3..=5 => SWEEPS - 2,
        _ => SWEEPS,
    };
    let mut matrix = matrices;
    let mut vectors = None;
    for round in (0..sweeps).flat_map(|_| &rounds) {
        let rotation = round.rotation(g, matrix, &count, n);
        let back = op::transpose(g, rotation, &[0, 2, 1]);
        let right = op::matmul(g, matrix, back);
        matrix = op::matmul(g, rotation, right);
        vectors = Some(vectors.map_or(rotation, |vectors| op::matmul(g, rotation, vectors)));
    }
    vectors.unwrap_or(matrices)
}

/// Rounds of pairs `p < q` of `n` axes, as in a tournament: every pair once, no axis twice in a round.
fn rounds(n: usize) -> Vec<Vec<(usize, usize)>> {
    let places = n + n % 2;
    let mut ring: Vec<usize> = (0..places).collect();
    let mut rounds = Vec::new();
    for _ in 1..places {
        let pair = |i: usize| (ring[i].min(ring[places - 1 - i]), ring[i].max(ring[places - 1 - i]));
        // With an odd number one axis has no partner.
        rounds.push((0..places / 2).map(pair).filter(|(_, q)| *q < n).collect());
        ring[1..].rotate_right(1);
    }
    rounds
}

/// The constants of one round of h pairs.
struct Round {
    pairs: usize,
    /// `[n*n, 2h]`: takes `A_qq - A_pp` and `2 A_pq` of every pair out of a flat matrix.
    select: Value,
    /// `[2h, n*n]`: puts `c - 1` and `s` of every pair in their places.
    place: Value,
    /// The flat identity, `[1, n*n]`.
    identity: Value,
}

impl Round {
    fn new(g: &mut Graph, pairs: &[(usize, usize)], n: usize) -> Self {
        let h = pairs.len();
        let mut select = vec![0.0; n * n * 2 * h];
        let mut place = vec![0.0; 2 * h * n * n];
        for (k, (p, q)) in pairs.iter().copied().enumerate() {
            select[(q * n + q) * 2 * h + k] = 1.0;
            select[(p * n + p) * 2 * h + k] = -1.0;
            select[(p * n + q) * 2 * h + h + k] = 2.0;
            place[k * n * n + p * n + p] = 1.0;
            place[k * n * n + q * n + q] = 1.0;
            place[(h + k) * n * n + p * n + q] = -1.0;
            place[(h + k) * n * n + q * n + p] = 1.0;
        }
        let identity = (0..n * n).map(|i| f64::from(i % (n + 1) == 0)).collect();
        let mut constant = |shape: [usize; 2], values: Vec<f64>| {
            let array = ArrayD::from_shape_vec(IxDyn(&shape), values);
            g.constant(Tensor::F64(array.unwrap_or_else(|error| crate::failure::bug(error))))
        };
        Self {
            pairs: h,
            select: constant([n * n, 2 * h], select),
            place: constant([2 * h, n * n], place),
            identity: constant([1, n * n], identity),
        }
    }

    /// The rotation `[Q,n,n]` that makes the round's pairs of `matrix [Q,n,n]` diagonal.
    ///
    /// With `d = A_qq - A_pp`, `o = 2 A_pq`: `tan = sign(d) o / (|d| + sqrt(d^2 + o^2))`, the smaller of the two angles.
    fn rotation(&self, g: &mut Graph, matrix: Value, count: &Dim, n: usize) -> Value {
        let number = |g: &mut Graph, value: f64| g.scalar(value, DType::F64);
        let flat = op::reshape(g, matrix, &[count.clone(), Dim::known(n * n)]);
        let both = op::matmul(g, flat, self.select);
        let half = Dim::known(self.pairs);
        let parts = op::split(g, both, 1, &[half.clone(), half]);
        let (d, o) = (parts[0], parts[1]);
        let (zero, one, two, tiny) = (number(g, 0.0), number(g, 1.0), number(g, 2.0), number(g, TINY));
        let upward = op::greater_or_equal(g, d, zero);
        let upward = op::cast(g, upward, DType::F64);
        let sign = op::mul(g, upward, two);
        let sign = op::sub(g, sign, one);
        let (dd, oo) = (op::mul(g, d, d), op::mul(g, o, o));
        let root = op::add(g, dd, oo);
        let root = op::sqrt(g, root);
        let size = op::abs(g, d);
        let size = op::add(g, size, root);
        let size = op::add(g, size, tiny);
        let tangent = op::mul(g, sign, o);
        let tangent = op::div(g, tangent, size);
        let square = op::mul(g, tangent, tangent);
        let square = op::add(g, square, one);
        let square = op::sqrt(g, square);
        let cosine = op::div(g, one, square);
        let sine = op::mul(g, tangent, cosine);
        let less = op::sub(g, cosine, one);
        let angles = op::concat(g, &[less, sine], 1);
        let change = op::matmul(g, angles, self.place);
        let rotation = op::add(g, change, self.identity);
        op::reshape(g, rotation, &[count.clone(), Dim::known(n), Dim::known(n)])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::rounds;

    #[test]
    fn every_pair_of_axes_is_turned_once_and_rounds_do_not_overlap() {
        for n in 2..=16 {
            let rounds = rounds(n);
            let all: BTreeSet<(usize, usize)> = rounds.iter().flatten().copied().collect();
            assert_eq!(all.len(), n * (n - 1) / 2, "{n}");
            assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), all.len(), "{n}");
            for round in rounds {
                let axes: BTreeSet<usize> = round.iter().flat_map(|(p, q)| [*p, *q]).collect();
                assert_eq!(axes.len(), 2 * round.len(), "{n}");
            }
        }
    }
}
