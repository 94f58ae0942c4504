//! Draws random numbers by address: (seed, item, draw) names a number, so order, threads and restarts cannot
//! change what an item gets. [`python`] draws what Python's `random` module draws, where published data was drawn by it.
//!
//! # Invariants
//! - No generator is ever shared between items; there is no global or thread-local state.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

pub mod python;

/// The stream of random numbers that belongs to one item.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream of `item` under `seed`. `stream` separates several streams of one item (a sample index, say).
    pub fn new(seed: u64, item: &str, stream: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(item.as_bytes());
        let mut generator = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
        generator.set_stream(stream);
        Self(generator)
    }

    /// Jumps to the `position`-th draw of the stream.
    pub fn seek(&mut self, position: u64) {
        self.0.set_word_pos(u128::from(position) * 2);
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next number in `[0, 1)`, with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number of the standard normal distribution (Box-Muller; two draws).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// The next integer in `0..bound`, without modulo bias. `bound` must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let zone = u64::MAX - u64::MAX % bound;
        loop {
            let bits = self.bits();
            if bits < zone {
                return (bits % bound) as usize;
            }
        }
    }

    /// Puts `items` into a random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_address_alone() {
        let mut straight = Draws::new(7, "question-3", 1);
        let numbers: Vec<u64> = (0..5).map(|_| straight.bits()).collect();
        let mut jumped = Draws::new(7, "question-3", 1);
        jumped.seek(3);
        assert_eq!(jumped.bits(), numbers[3]);
        assert_ne!(Draws::new(8, "question-3", 1).bits(), numbers[0]);
        assert_ne!(Draws::new(7, "question-4", 1).bits(), numbers[0]);
        assert_ne!(Draws::new(7, "question-3", 2).bits(), numbers[0]);
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut draws = Draws::new(0, "moments", 0);
        let count = 20_000;
        let mean = (0..count).map(|_| draws.uniform()).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let variance = (0..count).map(|_| draws.normal().powi(2)).sum::<f64>() / f64::from(count);
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn shuffling_keeps_the_items() {
        let mut items: Vec<usize> = (0..50).collect();
        Draws::new(1, "shuffle", 0).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
