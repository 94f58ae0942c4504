//! Decides which items an optimizer step sees: a pure function of seed, epoch and step, so that a resumed run needs to
//! remember nothing but the step.
//!
//! An item is one example, or a group of examples that stay together.

use super::example::Example;
use crate::{model::loss::Unit, random::Draws};

/// What an order is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// The examples of each item.
    pub members: Vec<Vec<usize>>,
    /// Items of a lower rank come first in every epoch.
    pub ranks: Vec<usize>,
}

impl Items {
    /// Every example by itself, or every group if the loss is one over groups; items of the languages that `languages`
    /// names first come first. The language of a group is that of its first example.
    pub fn new(examples: &[Example], unit: Unit, languages: Option<&[String]>) -> Self {
        let mut items = Self::default();
        let mut known = std::collections::BTreeMap::new();
        for (index, example) in examples.iter().enumerate() {
            let grouped = unit == Unit::Group && !example.group.is_empty();
            let next = items.members.len();
            let place = if grouped { *known.entry(example.group.as_str()).or_insert(next) } else { next };
            if place < next {
                items.members[place].push(index);
                continue;
            }
            let rank = languages.map_or(0, |languages| {
                languages.iter().position(|lang| *lang == example.lang).unwrap_or(languages.len())
            });
            items.members.push(vec![index]);
            items.ranks.push(rank);
        }
        items
    }
}

/// The items of every optimizer step.
#[derive(Clone, Debug)]
pub struct Order {
    seed: u64,
    ranks: Vec<usize>,
    per_step: usize,
    /// The epoch whose permutation is held.
    epoch: usize,
    permutation: Vec<usize>,
}

impl Order {
    /// An order over items with these ranks, at least one, of which each step takes `per_step`; the last step of an epoch
    /// takes what is left.
    pub fn new(seed: u64, ranks: Vec<usize>, per_step: usize) -> Self {
        let mut order = Self { seed, ranks, per_step: per_step.max(1), epoch: 0, permutation: Vec::new() };
        order.shuffle(0);
        order
    }

    /// Number of steps that see every item once.
    pub fn steps_per_epoch(&self) -> usize {
        self.ranks.len().div_ceil(self.per_step).max(1)
    }

    /// The items of optimizer step `step`, counted from 0.
    pub fn step(&mut self, step: usize) -> &[usize] {
        let epoch = step / self.steps_per_epoch();
        if epoch != self.epoch {
            self.shuffle(epoch);
        }
        let start = (step % self.steps_per_epoch()) * self.per_step;
        let items = self.ranks.len();
        &self.permutation[start.min(items)..(start + self.per_step).min(items)]
    }

    fn shuffle(&mut self, epoch: usize) {
        self.epoch = epoch;
        self.permutation = (0..self.ranks.len()).collect();
        Draws::new(self.seed, "shuffle", epoch as u64).shuffle(&mut self.permutation);
        self.permutation.sort_by_key(|item| self.ranks[*item]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_sees_every_example_once_in_another_order() {
        let mut order = Order::new(3, vec![0; 10], 4);
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
        let mut straight = Order::new(3, vec![0; 10], 4);
        let all: Vec<Vec<usize>> = (0..9).map(|step| straight.step(step).to_vec()).collect();
        let mut resumed = Order::new(3, vec![0; 10], 4);
        assert_eq!(resumed.step(7), all[7]);
        assert_eq!(resumed.step(1), all[1]);
    }

    fn example(group: &str, lang: &str) -> Example {
        Example { group: group.to_owned(), lang: lang.to_owned(), ..Example::default() }
    }

    #[test]
    fn groups_are_items_of_losses_over_groups_only() {
        let examples = ["a", "b", "a", "", ""].map(|group| example(group, "en"));
        let items = Items::new(&examples, Unit::Group, None);
        assert_eq!(items.members, [vec![0, 2], vec![1], vec![3], vec![4]]);
        assert_eq!(Items::new(&examples, Unit::Example, None).members.len(), 5);
    }

    #[test]
    fn languages_follow_each_other_in_every_epoch_and_are_shuffled_within() {
        let examples: Vec<Example> = (0..30).map(|n| example("", ["en", "de", "sw"][n % 3])).collect();
        let languages = ["sw", "en", "de"].map(ToOwned::to_owned);
        let items = Items::new(&examples, Unit::Example, Some(&languages));
        let mut order = Order::new(5, items.ranks, 10);
        for epoch in 0..2 {
            let first = order.step(3 * epoch).to_vec();
            for (step, rest) in [2, 0, 1].into_iter().enumerate() {
                assert!(order.step(3 * epoch + step).iter().all(|item| item % 3 == rest));
            }
            assert!(!first.is_sorted());
        }
    }
}
