//! Python's `random.Random`: the Mersenne Twister MT19937 with Python's own rules for drawing from it, number for number.
//!
//! Splits and pairs of published data were drawn with `random.seed` and `random.sample` (DCO, methods 3.3); drawing them
//! alike gives the published rows from a seed alone. The rules have been the same since Python 3.2. All else in chorale
//! draws by address instead: see [`super::Draws`].

use std::collections::BTreeSet;

use crate::failure::bug;

/// Words of the generator's state.
const WORDS: usize = 624;
/// How far apart the words are that make a new one.
const SHIFT: usize = 397;
/// The upper bit of a word.
const UPPER: u32 = 0x8000_0000;

/// A generator that draws what `random.Random(seed)` draws in Python.
#[derive(Clone)]
pub struct PythonRandom {
    state: [u32; WORDS],
    next: usize,
}

impl std::fmt::Debug for PythonRandom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PythonRandom").field("next", &self.next).finish_non_exhaustive()
    }
}

impl PythonRandom {
    /// `random.Random(seed)`, for the seeds that fit 64 bits.
    pub fn seed(seed: u64) -> Self {
        let [low, high] = [seed as u32, (seed >> 32) as u32];
        let key: &[u32] = if high == 0 { &[low] } else { &[low, high] };
        let mut state = initial(19_650_218);
        let mut place = 1;
        let mut advance = |state: &mut [u32; WORDS], factor: u32, add: &dyn Fn(usize) -> u32| {
            let before = state[place - 1];
            let mixed = state[place] ^ (before ^ (before >> 30)).wrapping_mul(factor);
            state[place] = mixed.wrapping_add(add(place));
            place += 1;
            if place == WORDS {
                state[0] = state[WORDS - 1];
                place = 1;
            }
        };
        for round in 0..WORDS.max(key.len()) {
            let index = round % key.len();
            advance(&mut state, 1_664_525, &|_| key[index].wrapping_add(index as u32));
        }
        for _ in 1..WORDS {
            advance(&mut state, 1_566_083_941, &|place| (place as u32).wrapping_neg());
        }
        state[0] = UPPER;
        Self { state, next: WORDS }
    }

    /// `random()`: the next number in `[0, 1)`, with 53 random bits.
    pub fn random(&mut self) -> f64 {
        let (high, low) = (u64::from(self.word() >> 5), u64::from(self.word() >> 6));
        ((high << 26) + low) as f64 / (1_u64 << 53) as f64
    }

    /// `getrandbits(bits)`, for 0 to 64 bits.
    pub fn bits(&mut self, bits: u32) -> u64 {
        match bits {
            0 => 0,
            1..=32 => u64::from(self.word() >> (32 - bits)),
            33..=64 => {
                let low = u64::from(self.word());
                low | u64::from(self.word() >> (64 - bits)) << 32
            }
            _ => bug(format!("{bits} random bits at once")),
        }
    }

    /// `randrange(bound)`: the next integer in `0..bound`. `bound` must not be 0.
    pub fn randbelow(&mut self, bound: usize) -> usize {
        if bound == 0 {
            bug("there is no integer below 0 to draw");
        }
        let bits = usize::BITS - bound.leading_zeros();
        loop {
            let drawn = self.bits(bits) as usize;
            if drawn < bound {
                return drawn;
            }
        }
    }

    /// `sample(range(population), count)`: distinct integers in the order drawn. `count` must be at most `population`.
    ///
    /// As in Python, small populations are drawn from a shrinking list and large ones until something new comes: the two
    /// give different numbers, and which one is used is part of the rule.
    pub fn sample(&mut self, population: usize, count: usize) -> Vec<usize> {
        if count > population {
            bug(format!("{count} items cannot be drawn from {population}"));
        }
        if population <= list_limit(count) {
            let mut pool: Vec<usize> = (0..population).collect();
            let draw = |left: usize| pool.swap_remove(self.randbelow(left));
            return (population - count + 1..=population).rev().map(draw).collect();
        }
        let mut seen = BTreeSet::new();
        let mut draw = || loop {
            let drawn = self.randbelow(population);
            if seen.insert(drawn) {
                return drawn;
            }
        };
        (0..count).map(|_| draw()).collect()
    }

    /// `choice(items)`; `None` if there are none.
    pub fn choice<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        if items.is_empty() { None } else { items.get(self.randbelow(items.len())) }
    }

    /// `shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.randbelow(last + 1));
        }
    }

    /// The next 32 random bits.
    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for place in 0..WORDS {
            let joined = (self.state[place] & UPPER) | (self.state[(place + 1) % WORDS] & !UPPER);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[place] = self.state[(place + SHIFT) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}

/// The state that a single 32-bit seed gives; longer seeds start from it.
fn initial(seed: u32) -> [u32; WORDS] {
    let mut state = [seed; WORDS];
    for place in 1..WORDS {
        let before = state[place - 1];
        state[place] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(place as u32);
    }
    state
}

/// The largest population that `sample` draws from a list: Python weighs a list of the population against a set of the
/// sample. It computes `4 ** ceil(log(3 * count, 4))` in floating point, which is the same power: `3 * count` is never one.
fn list_limit(count: usize) -> usize {
    let mut power: usize = 1;
    while count > 5 && power < count.saturating_mul(3) {
        power = power.saturating_mul(4);
    }
    if count > 5 { 21_usize.saturating_add(power) } else { 21 }
}
