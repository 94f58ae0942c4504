//! Picks the next token from a row of logits: temperature, top-k, top-p, and a draw, without sorting the vocabulary.
//!
//! A token's probability is held as an integer weight, `exp((logit - max) / temperature) * 2^40` rounded down. Sums of integers
//! do not depend on the order in which they are taken, so the nucleus and the draw are exact: the result equals that of
//! sorting all tokens and walking the sorted list. (Sums of floats would make the cut depend on the summation order,
//! and partial selection sums in another order than sorting does.) What is lost are tokens less likely than 2^-40 of
//! the most likely one, which would be drawn once in a million million draws.
//!
//! Selection is by histogram: values fall into buckets of one sixteenth of an octave (the leading bits of the float),
//! buckets are passed from the top until enough tokens or enough mass is covered, and only the bucket that holds the cut
//! is sorted.
//!
//! # Order of the filters
//! Temperature, then top-k, then top-p of what top-k left, then min-p (as in the samplers people compare with). Of equally
//! likely tokens the one of lower id comes first. Temperature 0 takes the most likely token.
//!
//! # Invariants
//! - The pick is a function of (logits, settings, 64 random bits); there is no other state.
//! - Logits that are NaN or minus infinity are never picked while any finite one is left.

/// Weights are fixed-point numbers with this many fractional bits; sums over a million tokens still fit into 64 bits.
const WEIGHT_BITS: u32 = 40;
/// Each octave is split into `2^FINE_BITS` buckets.
const FINE_BITS: u32 = 4;
/// How far to shift the bits of a float to leave its exponent and `FINE_BITS` of its mantissa.
const BUCKET_SHIFT: u32 = f32::MANTISSA_DIGITS - 1 - FINE_BITS;
/// Tokens whose weights are added before any of them is looked at by itself.
const BLOCK: usize = 64;
/// Values below this weigh nothing.
const SMALLEST: f32 = 1.0 / (1_u64 << WEIGHT_BITS) as f32;
const FIRST_BUCKET: u32 = SMALLEST.to_bits() >> BUCKET_SHIFT;
const BUCKETS: usize = ((1.0_f32.to_bits() >> BUCKET_SHIFT) - FIRST_BUCKET + 1) as usize;

/// How the next token is picked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 means always the most likely token. Finite, not negative.
    pub temperature: f32,
    /// Only the `top_k` most likely tokens are kept; 0 keeps all.
    pub top_k: usize,
    /// Of those, the smallest set of most likely tokens with at least this share of the mass is kept. In `(0, 1]`.
    pub top_p: f32,
    /// Of those, the tokens at least this much as likely as the most likely one are kept; 0 keeps all. In `[0, 1]`.
    pub min_p: f32,
}

impl Sampling {
    /// Always the most likely token.
    pub const GREEDY: Self = Self { temperature: 0.0, ..Self::FREE };
    /// Every token as likely as the model says.
    pub const FREE: Self = Self { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0 };
}

/// Buffers that are kept between picks. One per worker; what is in them never influences a pick.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    /// exp((logit - max) / temperature), or 0 where that weighs nothing.
    values: Vec<f32>,
    /// Mass per bucket.
    masses: Vec<u64>,
    /// Number of tokens per bucket; filled for top-k only.
    counts: Vec<u32>,
    /// The tokens of the bucket that holds a cut.
    cut: Vec<(f32, u32)>,
}

/// The least likely token that is still kept.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    value: f32,
    token: u32,
    /// Sum of the weights of all kept tokens.
    mass: u64,
}

impl Cut {
    /// Whether `token` is at least as likely as the cut.
    fn keeps(self, value: f32, token: u32) -> bool {
        value > self.value || (value == self.value && token <= self.token)
    }
}

/// How far down the sorted list a filter goes.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// This many tokens.
    Count(u64),
    /// At least this much mass.
    Mass(u64),
}

impl Sampler {
    /// The token picked from `logits` (one per vocabulary entry, at least one) with 64 random `bits`.
    pub fn pick(&mut self, logits: &[f32], sampling: &Sampling, bits: u64) -> u32 {
        let (best, max) = most_likely(logits);
        if sampling.temperature == 0.0 || !max.is_finite() {
            return best;
        }
        self.exponentiate(logits, max, sampling.temperature);
        let total = self.spread(sampling.top_k > 0);
        let cut = self.narrow(sampling, total);
        let cut = self.raise(cut, sampling.min_p);
        let mass = cut.map_or(total, |cut| cut.mass);
        // The high half of a 128-bit product is uniform in 0..mass, off by at most one part in 2^64 / mass.
        let left = ((u128::from(bits) * u128::from(mass)) >> 64) as u64;
        self.draw(cut, left).unwrap_or(best)
    }

    /// The first token, by id, at which the sum of the weights of the kept tokens is above `left`.
    fn draw(&self, cut: Option<Cut>, mut left: u64) -> Option<u32> {
        let least = cut.map_or(SMALLEST, |cut| cut.value);
        let kept = |token: u32, value: f32| value >= least && cut.is_none_or(|cut| cut.keeps(value, token));
        let first_tokens = (0_u32..).step_by(BLOCK);
        for (first, block) in first_tokens.zip(self.values.chunks(BLOCK)) {
            // Most blocks are passed as a whole, without a branch per token. Of tokens as likely as the cut not all are kept, so
            // a block that has one is looked into.
            let mass: u64 = block.iter().map(|&value| if value >= least { weight(value) } else { 0 }).sum();
            let ties = cut.is_some_and(|cut| block.contains(&cut.value));
            if !ties && left >= mass {
                left -= mass;
                continue;
            }
            for (token, &value) in (first..).zip(block) {
                if kept(token, value) {
                    let weight = weight(value);
                    if left < weight {
                        return Some(token);
                    }
                    left -= weight;
                }
            }
        }
        None
    }

    /// Fills `values`. Kept apart from what follows because it runs in vector registers.
    fn exponentiate(&mut self, logits: &[f32], max: f32, temperature: f32) {
        let inverse = 1.0 / temperature;
        self.values.resize(logits.len(), 0.0);
        for (value, &logit) in self.values.iter_mut().zip(logits) {
            let power = exp_of_negative((logit - max) * inverse);
            *value = if power >= SMALLEST { power } else { 0.0 };
        }
    }

    /// Spreads the values over buckets; returns the mass of all.
    fn spread(&mut self, counted: bool) -> u64 {
        self.masses.clear();
        self.masses.resize(BUCKETS, 0);
        for &value in &self.values {
            if let Some(mass) = self.masses.get_mut(bucket(value)) {
                *mass += weight(value);
            }
        }
        self.counts.clear();
        self.counts.resize(BUCKETS, 0);
        if counted {
            for &value in &self.values {
                if let Some(count) = self.counts.get_mut(bucket(value)) {
                    *count += 1;
                }
            }
        }
        self.masses.iter().sum()
    }

    /// The cut that top-k and top-p make; `None` if they keep everything.
    fn narrow(&mut self, sampling: &Sampling, total: u64) -> Option<Cut> {
        let by_count = match sampling.top_k {
            0 => None,
            top_k => self.walk(Until::Count(top_k as u64)),
        };
        if sampling.top_p >= 1.0 {
            return by_count;
        }
        let mass = by_count.map_or(total, |cut| cut.mass);
        let target = ((f64::from(sampling.top_p) * mass as f64).ceil() as u64).clamp(1, mass.max(1));
        self.walk(Until::Mass(target)).or(by_count)
    }

    /// The cut that min-p makes, where it is the stricter one. Values are relative to the most likely token already.
    fn raise(&self, cut: Option<Cut>, min_p: f32) -> Option<Cut> {
        if min_p <= cut.map_or(SMALLEST, |cut| cut.value) {
            return cut;
        }
        let mass = self.values.iter().filter(|value| **value >= min_p).map(|&value| weight(value)).sum();
        Some(Cut { value: min_p, token: u32::MAX, mass })
    }

    /// Walks from the most likely token down; `None` if the end is reached first.
    fn walk(&mut self, until: Until) -> Option<Cut> {
        let (mut mass, mut count) = (0_u64, 0_u64);
        for index in (0..BUCKETS).rev() {
            let reached = match until {
                Until::Count(wanted) => count + u64::from(self.counts[index]) >= wanted,
                Until::Mass(wanted) => mass + self.masses[index] >= wanted,
            };
            if !reached {
                mass += self.masses[index];
                count += u64::from(self.counts[index]);
                continue;
            }
            self.cut.clear();
            let inside = (0_u32..).zip(&self.values).filter(|(_, value)| bucket(**value) == index);
            self.cut.extend(inside.map(|(token, value)| (*value, token)));
            self.cut.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for &(value, token) in &self.cut {
                mass += weight(value);
                count += 1;
                let done = match until {
                    Until::Count(wanted) => count >= wanted,
                    Until::Mass(wanted) => mass >= wanted,
                };
                if done {
                    return Some(Cut { value, token, mass });
                }
            }
        }
        None
    }
}

/// How many running maxima are kept side by side: as many as fit into vector registers.
const LANES: usize = 16;

/// The most likely token (the first of equals) and its logit. NaN counts as less than everything.
fn most_likely(logits: &[f32]) -> (u32, f32) {
    let larger = |max: f32, logit: f32| if logit > max { logit } else { max };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &logit) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, logit);
        }
    }
    let max = lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger);
    let best = logits.iter().position(|&logit| logit == max).unwrap_or(0);
    (best as u32, max)
}

/// The weight of a value in `[0, 1]`.
fn weight(value: f32) -> u64 {
    (value * (1_u64 << WEIGHT_BITS) as f32) as i64 as u64
}

/// Buckets grow with the value; that of a value that weighs nothing is out of range.
fn bucket(value: f32) -> usize {
    (value.to_bits() >> BUCKET_SHIFT).wrapping_sub(FIRST_BUCKET) as usize
}

/// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a library call.
const ROUND: f32 = 12_582_912.0;

/// `exp(x)` for `x <= 0`, to a few parts in a million, in plain multiplications and additions: the same bits on every
/// machine, and simple enough for the compiler to vectorise (the system's `exp` is neither).
fn exp_of_negative(x: f32) -> f32 {
    // 2^n * 2^f with n an integer and |f| <= 1/2. Below 2^-100 nothing is left of a weight anyway.
    let exponent = (x * std::f32::consts::LOG2_E).max(-100.0);
    let shifted = exponent + ROUND;
    let f = (exponent - (shifted - ROUND)) * std::f32::consts::LN_2;
    let series =
        1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits());
    let power = f32::from_bits(127_u32.wrapping_add(n) << 23);
    if x.is_nan() { 0.0 } else { series * power }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sorts everything, then walks the sorted list: what the sampler must agree with.
    fn reference(logits: &[f32], sampling: &Sampling, bits: u64) -> u32 {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let value = |logit: f32| exp_of_negative((logit - max) * (1.0 / sampling.temperature));
        let mut valued: Vec<(f32, u32)> =
            logits.iter().zip(0_u32..).map(|(&logit, token)| (value(logit), token)).collect();
        valued.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let scale = 2_f64.powi(WEIGHT_BITS as i32);
        let mut sorted: Vec<(u64, u32)> =
            valued.iter().map(|(value, token)| ((f64::from(*value) * scale) as u64, *token)).collect();
        sorted.retain(|entry| entry.0 > 0);
        if sampling.top_k > 0 {
            sorted.truncate(sampling.top_k);
        }
        if sampling.top_p < 1.0 {
            let mass: u64 = sorted.iter().map(|entry| entry.0).sum();
            let target = ((f64::from(sampling.top_p) * mass as f64).ceil() as u64).clamp(1, mass);
            let mut sum = 0;
            let keep = sorted.iter().position(|entry| {
                sum += entry.0;
                sum >= target
            });
            sorted.truncate(keep.unwrap() + 1);
        }
        let least = (f64::from(sampling.min_p) * scale) as u64;
        sorted.retain(|entry| entry.0 >= least);
        let mass: u64 = sorted.iter().map(|entry| entry.0).sum();
        let mut left = ((u128::from(bits) * u128::from(mass)) >> 64) as u64;
        sorted.sort_by_key(|entry| entry.1);
        for (weight, token) in sorted {
            if left < weight {
                return token;
            }
            left -= weight;
        }
        unreachable!("the draw is below the mass")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn the_pick_equals_that_of_sorting_everything(
            // Coarse logits make ties likely; the wide range makes weights vanish.
            logits in prop::collection::vec((-300_i32..40).prop_map(|step| step as f32 / 7.0), 1..300),
            temperature in 0.05_f32..4.0,
            top_k in 0_usize..40,
            top_p in 0.01_f32..1.05,
            min_p in -0.5_f32..1.0,
            bits in any::<u64>(),
        ) {
            let sampling = Sampling { temperature, top_k, top_p: top_p.min(1.0), min_p: min_p.max(0.0) };
            let mut sampler = Sampler::default();
            // A pick before must not matter.
            sampler.pick(&[0.0, 1.0, 2.0], &sampling, bits);
            prop_assert_eq!(sampler.pick(&logits, &sampling, bits), reference(&logits, &sampling, bits));
        }

        #[test]
        fn the_exponential_is_as_exact_as_a_float_can_hold(x in -60.0_f32..0.0) {
            let expected = f64::from(x).exp();
            prop_assert!((f64::from(exp_of_negative(x)) / expected - 1.0).abs() < 5e-6);
        }
    }

    #[test]
    fn temperature_zero_takes_the_first_of_the_most_likely() {
        let mut sampler = Sampler::default();
        assert_eq!(sampler.pick(&[0.0, 3.0, 3.0, f32::NAN], &Sampling::GREEDY, u64::MAX), 1);
    }

    #[test]
    fn min_p_keeps_what_is_likely_enough_beside_the_most_likely() {
        // e^-1 = 0.37 and e^-2 = 0.14 as likely as the first.
        let logits = [2.0, 1.0, 0.0];
        let mut sampler = Sampler::default();
        let mut draws = crate::random::Draws::new(0, "min-p", 0);
        for (min_p, kept) in [(0.0, 3), (0.13, 3), (0.14, 2), (0.36, 2), (0.37, 1), (1.0, 1)] {
            let sampling = Sampling { min_p, ..Sampling::FREE };
            let mut seen: Vec<u32> =
                (0..400).map(|_| sampler.pick(&logits, &sampling, draws.bits())).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen, (0..kept).collect::<Vec<u32>>(), "{min_p}");
        }
    }

    #[test]
    fn a_small_top_p_keeps_the_most_likely_token_alone() {
        let sampling = Sampling { top_p: 0.3, ..Sampling::FREE };
        let mut sampler = Sampler::default();
        for bits in [0, u64::MAX / 2, u64::MAX] {
            assert_eq!(sampler.pick(&[1.0, 2.0, 0.5], &sampling, bits), 1);
        }
    }

    #[test]
    fn without_filters_the_frequencies_are_the_softmax() {
        let sampling = Sampling::FREE;
        let logits = [0.0_f32, 1.0, 2.0, -1.0];
        let mut sampler = Sampler::default();
        let mut draws = crate::random::Draws::new(3, "frequencies", 0);
        let count = 40_000;
        let mut seen = [0_u32; 4];
        for _ in 0..count {
            seen[sampler.pick(&logits, &sampling, draws.bits()) as usize] += 1;
        }
        let total: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        for (&logit, &times) in logits.iter().zip(&seen) {
            let expected = f64::from(logit).exp() / total;
            assert!((f64::from(times) / f64::from(count) - expected).abs() < 0.01, "{seen:?}");
        }
    }

    #[test]
    fn odd_logits_never_stop_the_sampler() {
        let sampling = Sampling { temperature: 0.7, top_k: 2, top_p: 0.9, min_p: 0.0 };
        let mut sampler = Sampler::default();
        assert_eq!(sampler.pick(&[f32::NAN, f32::NEG_INFINITY, 1.0], &sampling, 5), 2);
        sampler.pick(&[f32::NAN, f32::NAN], &sampling, 5);
        sampler.pick(&[f32::INFINITY, 0.0], &sampling, 5);
    }
}
