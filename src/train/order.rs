//! Decides which examples an optimizer step sees: a pure function of seed, epoch and step, so that a resumed run needs
//! to remember nothing but the step.

use crate::random::Draws;

/// The examples of every optimizer step.
#[derive(Clone, Debug)]
pub struct Order {
    seed: u64,
    examples: usize,
    per_step: usize,
    /// The epoch whose permutation is held.
    epoch: usize,
    permutation: Vec<usize>,
}

impl Order {
    /// An order over `examples` examples, at least one, of which each step takes `per_step`; the last step of an epoch
    /// takes what is left.
    pub fn new(seed: u64, examples: usize, per_step: usize) -> Self {
        let mut order = Self { seed, examples, per_step: per_step.max(1), epoch: 0, permutation: Vec::new() };
        order.shuffle(0);
        order
    }

    /// Number of steps that see every example once.
    pub fn steps_per_epoch(&self) -> usize {
        self.examples.div_ceil(self.per_step).max(1)
    }

    /// The examples of optimizer step `step`, counted from 0.
    pub fn step(&mut self, step: usize) -> &[usize] {
        let epoch = step / self.steps_per_epoch();
        if epoch != self.epoch {
            self.shuffle(epoch);
        }
        let start = (step % self.steps_per_epoch()) * self.per_step;
        &self.permutation[start.min(self.examples)..(start + self.per_step).min(self.examples)]
    }

    fn shuffle(&mut self, epoch: usize) {
        self.epoch = epoch;
        self.permutation = (0..self.examples).collect();
        Draws::new(self.seed, "shuffle", epoch as u64).shuffle(&mut self.permutation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_sees_every_example_once_in_another_order() {
        let mut order = Order::new(3, 10, 4);
        assert_eq!(order.steps_per_epoch(), 3);
        let epochs: Vec<Vec<usize>> = (0..2)
            .map(|epoch| (0..3).flat_map(|step| order.step(3 * epoch + step).to_vec()).collect())
            .collect();
        for epoch in &epochs {
            let mut sorted = epoch.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(epochs[0], epochs[1]);
    }

    #[test]
    fn a_step_does_not_depend_on_the_steps_taken_before() {
        let mut straight = Order::new(3, 10, 4);
        let all: Vec<Vec<usize>> = (0..9).map(|step| straight.step(step).to_vec()).collect();
        let mut resumed = Order::new(3, 10, 4);
        assert_eq!(resumed.step(7), all[7]);
        assert_eq!(resumed.step(1), all[1]);
    }
}
