//! Lays examples out in rows of tokens, several in a row where they fit, and says which positions are scored.
//!
//! A row is three vectors of one length: tokens, positions and segments. The n-th example of a row (from 0) is
//! `[prompt | branch 1 | branch 2 ..]`, its prompt computed once: the prompt has segment `n * GROUP`, branch k has segment
//! `n * GROUP + k` ([`crate::model::row::GROUP`]). A token sees the tokens before it of its own segment and of its own
//! prompt. Positions start anew with every example, and with every branch at the end of the prompt, so the numbers are
//! the same as in a row of their own. Padding is segment -1.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use super::example::Example;
use crate::{
    failure::bug,
    model::{layer::dropout, row},
    random::Draws,
};

/// Rows are padded to a multiple of this many tokens: few distinct shapes, and full vector registers.
const WIDTH_STEP: usize = 8;

/// Short examples share rows of one of these widths, whichever leaves the fewest empty places. Attention costs the square
/// of the width, but is a small part of the whole below a hundred tokens.
const PACKED_WIDTHS: [usize; 4] = [40, 48, 56, 64];

/// Which examples may share a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// None: every example has a row of its own.
    Off,
    /// All, as long as no row gets longer than the longest example makes it anyway, or than a short row is.
    #[default]
    On,
}

/// Examples in rows. All vectors of a row are `width` long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Number of rows (B).
    pub rows: usize,
    /// Tokens per row (T).
    pub width: usize,
    /// Token ids, `[B*T]`.
    pub tokens: Vec<i64>,
    /// Positions within the sequence, `[B*T]`.
    pub positions: Vec<i64>,
    /// Segments, `[B*T]`.
    pub segments: Vec<i64>,
    /// Flat positions whose next token is scored, `[N]`. The end of a shared prompt occurs once per branch.
    pub selected: Vec<i64>,
    /// The next tokens, `[N]`.
    pub labels: Vec<i64>,
    /// Which sequence each scored token belongs to, `[N]`: `example * branches + branch`.
    pub owners: Vec<usize>,
    /// Reference log-probabilities, `[sequences]`; empty if the examples have none.
    pub references: Vec<f32>,
    /// What the loss wants to know of each example besides, `[examples][columns]`.
    pub columns: Vec<Vec<f32>>,
    /// The group of each example, counted from 0 in order of appearance, `[examples]`.
    pub groups: Vec<usize>,
    /// Keys of dropout, `[B*T]`; empty until [`Self::draw`].
    pub keys: Vec<i64>,
    /// Flat positions of the last token of each prompt of an auxiliary term; empty without them.
    pub anchors: Vec<i64>,
    /// The weight of each question of an auxiliary term, whose prompts are neighbours; empty without them.
    pub anchor_weights: Vec<f32>,
    /// Where the tokens of each example lie, and behind them those of each prompt of an auxiliary term.
    places: Vec<Range<usize>>,
    /// Number of examples.
    pub examples: usize,
    /// Branches per example.
    pub branches: usize,
}

impl Batch {
    /// Lays out examples that all have the same number of branches. Neighbours of the same group are one group.
    pub fn new(examples: &[&Example], packing: Packing) -> Self {
        Self::with_prompts(examples, &[], packing)
    }

    /// Lays out examples, and prompts without anything that follows them, of each of which the last token is an anchor.
    pub fn with_prompts(examples: &[&Example], prompts: &[&[u32]], packing: Packing) -> Self {
        let lengths: Vec<usize> = (examples.iter().map(|example| example.tokens()))
            .chain(prompts.iter().map(|prompt| prompt.len()))
            .collect();
        let rows = match packing {
            Packing::Off => (0..lengths.len()).map(|index| vec![index]).collect(),
            Packing::On => pack(&lengths),
        };
        let length = |row: &Vec<usize>| row.iter().map(|index| lengths[*index]).sum::<usize>();
        let mut batch = Self {
            rows: rows.len(),
            width: rows.iter().map(length).max().unwrap_or(0).next_multiple_of(WIDTH_STEP),
            examples: examples.len(),
            branches: examples.first().map_or(0, |example| example.branches.len()),
            places: vec![0..0; lengths.len()],
            anchors: vec![0; prompts.len()],
            ..Self::default()
        };
        for row in &rows {
            for (place, index) in row.iter().enumerate() {
                let group = place as i64 * row::GROUP;
                match examples.get(*index) {
                    Some(example) => batch.append(example, *index, group),
                    None => batch.append_prompt(prompts[*index - examples.len()], *index, group),
                }
            }
            batch.pad();
        }
        batch.references = examples.iter().flat_map(|example| example.references.iter().copied()).collect();
        batch.columns = examples.iter().map(|example| example.columns.clone()).collect();
        batch.groups = groups(examples);
        batch
    }

    /// Draws the keys of dropout for optimizer step `step`. `numbers` name the examples, and behind them
    /// the prompts of an auxiliary term, across the whole run; a token's key
    /// depends on `seed`, `step`, its example's number and its place in the example, and on nothing else.
    pub fn draw(&mut self, seed: u64, step: usize, numbers: &[usize]) {
        self.keys = vec![0; self.tokens.len()];
        for (place, number) in self.places.iter().zip(numbers) {
            let mut draws = Draws::new(seed, &format!("dropout {step}"), *number as u64);
            self.keys[place.clone()].fill_with(|| (draws.bits() % dropout::KEYS) as i64);
        }
    }

    /// Number of scored tokens (N).
    pub fn scored(&self) -> usize {
        self.labels.len()
    }

    /// Number of tokens that are not padding.
    pub fn occupied(&self) -> usize {
        self.segments.iter().filter(|segment| **segment >= 0).count()
    }

    /// The scored tokens of the branch with number `role`, as a matrix `[examples, N]` of ones and zeros: its product
    /// with token log-probabilities is one sum per sequence.
    pub fn members(&self, role: usize) -> Vec<f32> {
        let mut members = vec![0.0; self.examples * self.scored()];
        for (token, owner) in self.owners.iter().enumerate() {
            if owner % self.branches == role {
                members[owner / self.branches * self.scored() + token] = 1.0;
            }
        }
        members
    }

    /// Number of groups (G).
    pub fn group_count(&self) -> usize {
        self.groups.last().map_or(0, |last| last + 1)
    }

    /// The examples of each group, as a matrix `[G, examples]` of ones and zeros.
    pub fn group_members(&self) -> Vec<f32> {
        let mut members = vec![0.0; self.group_count() * self.examples];
        for (example, group) in self.groups.iter().enumerate() {
            members[group * self.examples + example] = 1.0;
        }
        members
    }

    /// The column with that number, `[examples]`.
    pub fn column(&self, number: usize) -> Vec<f32> {
        self.columns.iter().map(|columns| columns[number]).collect()
    }

    /// The reference log-probabilities of the branch with number `role`, `[examples]`.
    pub fn reference(&self, role: usize) -> Vec<f32> {
        self.references.iter().skip(role).step_by(self.branches.max(1)).copied().collect()
    }

    /// Appends an example at the end of the current row; its prompt has segment `group`.
    fn append(&mut self, example: &Example, index: usize, group: i64) {
        let start = self.tokens.len();
        self.places[index] = start..start + example.tokens();
        self.extend(&example.prompt, 0, group);
        for (number, branch) in example.branches.iter().enumerate() {
            let first = self.tokens.len();
            self.extend(branch, example.prompt.len(), group + number as i64 + 1);
            let mut before = (!example.prompt.is_empty()).then(|| start + example.prompt.len() - 1);
            for (offset, token) in branch.iter().enumerate() {
                if let Some(position) = before {
                    self.selected.push(position as i64);
                    self.labels.push(i64::from(*token));
                    self.owners.push(index * self.branches + number);
                }
                before = Some(first + offset);
            }
        }
    }

    /// Appends a prompt at the end of the current row.
    fn append_prompt(&mut self, prompt: &[u32], index: usize, group: i64) {
        let start = self.tokens.len();
        self.places[index] = start..start + prompt.len();
        self.extend(prompt, 0, group);
        self.anchors[index - self.examples] = (self.tokens.len() - 1) as i64;
    }

    fn extend(&mut self, tokens: &[u32], position: usize, segment: i64) {
        self.tokens.extend(tokens.iter().map(|token| i64::from(*token)));
        self.positions.extend((position..position + tokens.len()).map(|position| position as i64));
        self.segments.extend(std::iter::repeat_n(segment, tokens.len()));
    }

    fn pad(&mut self) {
        let end = self.tokens.len().next_multiple_of(self.width.max(1));
        self.tokens.resize(end, 0);
        self.positions.resize(end, 0);
        self.segments.resize(end, row::PADDING);
    }
}

/// Numbers groups: an example of the same group as its neighbour is in its group, any other begins a new one.
fn groups(examples: &[&Example]) -> Vec<usize> {
    let mut groups: Vec<usize> = Vec::with_capacity(examples.len());
    for (index, example) in examples.iter().enumerate() {
        let joins = index > 0 && !example.group.is_empty() && examples[index - 1].group == example.group;
        let next = groups.last().map_or(0, |last| if joins { *last } else { last + 1 });
        groups.push(next);
    }
    groups
}

/// Which examples share a row. Each row begins with the longest example left and is filled up with those that leave the
/// least room: with texts of 10 to 25 tokens rows are 98 % full, where first fit leaves a tenth empty.
fn pack(lengths: &[usize]) -> Vec<Vec<usize>> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let roomy = PACKED_WIDTHS.into_iter().filter(|width| *width >= longest);
    let widths = roomy.chain([longest.next_multiple_of(WIDTH_STEP)]);
    let layouts = widths.map(|width| (width, pack_into(lengths, width)));
    layouts.min_by_key(|(width, rows)| width * rows.len()).map(|(_, rows)| rows).unwrap_or_default()
}

/// [`pack`] for rows of `width` tokens, which is at least the length of the longest example.
fn pack_into(lengths: &[usize], width: usize) -> Vec<Vec<usize>> {
    // Examples by length, each list in order, so that the layout depends on nothing but the batch.
    let mut left: BTreeMap<usize, VecDeque<usize>> = BTreeMap::new();
    for (index, length) in lengths.iter().enumerate() {
        left.entry(*length).or_default().push_back(index);
    }
    let mut rows = Vec::new();
    while let Some(first) = left.keys().next_back().copied() {
        let mut row = vec![take(&mut left, first)];
        for length in fill(&left, width - first) {
            row.push(take(&mut left, length));
        }
        rows.push(row);
    }
    rows
}

fn take(left: &mut BTreeMap<usize, VecDeque<usize>>, length: usize) -> usize {
    let list = left.get_mut(&length).unwrap_or_else(|| bug("a length that no example has"));
    let index = list.pop_front().unwrap_or_else(|| bug("an empty list of examples"));
    if list.is_empty() {
        left.remove(&length);
    }
    index
}

/// The lengths, of those `left`, that together fill as much of `room` as possible, longer ones preferred.
fn fill(left: &BTreeMap<usize, VecDeque<usize>>, room: usize) -> Vec<usize> {
    // For every sum that can be reached: the length added last, and how many of that length are in the sum.
    let mut reached: Vec<Option<(usize, usize)>> = vec![None; room + 1];
    reached[0] = Some((0, 0));
    for (length, list) in left.iter().rev().filter(|(length, _)| (1..=room).contains(*length)) {
        for sum in *length..=room {
            let Some((last, used)) = reached[sum - length] else { continue };
            let used = if last == *length { used + 1 } else { 1 };
            if reached[sum].is_none() && used <= list.len() {
                reached[sum] = Some((*length, used));
            }
        }
    }
    let mut sum = reached.iter().rposition(Option::is_some).unwrap_or(0);
    let mut lengths = Vec::new();
    while let Some((length, _)) = reached[sum].filter(|(length, _)| *length > 0) {
        lengths.push(length);
        sum -= length;
    }
    lengths.reverse();
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(prompt: &[u32], branches: &[&[u32]], references: &[f32]) -> Example {
        Example {
            id: String::new(),
            prompt: prompt.to_vec(),
            branches: branches.iter().map(|branch| branch.to_vec()).collect(),
            references: references.to_vec(),
            ..Example::default()
        }
    }

    #[test]
    fn a_pair_is_one_row_that_computes_its_prompt_once() {
        let pair = example(&[10, 11, 12], &[&[20, 21], &[30]], &[-1.0, -2.0]);
        let batch = Batch::new(&[&pair], Packing::On);
        assert_eq!((batch.rows, batch.width, batch.occupied()), (1, 8, 6));
        assert_eq!(batch.tokens, [10, 11, 12, 20, 21, 30, 0, 0]);
        assert_eq!(batch.positions, [0, 1, 2, 3, 4, 3, 0, 0]);
        assert_eq!(batch.segments, [0, 0, 0, 1, 1, 2, -1, -1]);
        assert_eq!(batch.selected, [2, 3, 2]);
        assert_eq!(batch.labels, [20, 21, 30]);
        assert_eq!(batch.members(0), [1.0, 1.0, 0.0]);
        assert_eq!(batch.members(1), [0.0, 0.0, 1.0]);
        assert_eq!((batch.reference(0), batch.reference(1)), (vec![-1.0], vec![-2.0]));
    }

    #[test]
    fn short_examples_share_a_row_without_seeing_each_other() {
        let long: Vec<u32> = (0..30).collect();
        let texts =
            [example(&[], &[&[5, 6, 7]], &[]), example(&[1], &[&long], &[]), example(&[2], &[&[8]], &[])];
        let batch = Batch::new(&texts.iter().collect::<Vec<_>>(), Packing::On);
        assert_eq!((batch.rows, batch.scored(), batch.occupied()), (1, 33, 36));
        let group = row::GROUP;
        assert_eq!(batch.segments[..3], [0, 1, 1]);
        assert_eq!(batch.segments[31..36], [group + 1, group + 1, group + 1, 2 * group, 2 * group + 1]);
        assert_eq!(batch.positions[31..36], [0, 1, 2, 0, 1]);
        assert_eq!(batch.selected[30..], [31, 32, 34]);
        assert_eq!(batch.labels[30..], [6, 7, 8]);
        assert_eq!(batch.owners[30..], [0, 0, 2]);
    }

    #[test]
    fn every_token_of_every_example_is_laid_out_once() {
        let texts: Vec<Example> =
            (1..60_u32).map(|n| example(&[], &[&(0..2 + n * 7 % 23).collect::<Vec<_>>()], &[])).collect();
        let batch = Batch::new(&texts.iter().collect::<Vec<_>>(), Packing::On);
        let total: usize = texts.iter().map(Example::tokens).sum();
        assert_eq!(batch.occupied(), total);
        assert_eq!(batch.scored(), texts.iter().map(Example::scored).sum::<usize>());
        assert!(batch.tokens.len() < total * 104 / 100, "{} for {total}", batch.tokens.len());
        assert_eq!(batch.tokens.len(), batch.rows * batch.width);
    }
    #[test]
    fn pairs_share_a_row_and_each_keeps_its_prompt() {
        let long: Vec<u32> = (0..60).collect();
        let pairs = [
            example(&[1], &[&[2, 3], &[4]], &[-1.0, -2.0]),
            example(&[5], &[&long, &[6]], &[-3.0, -4.0]),
            example(&[7, 8], &[&[9], &[10]], &[-5.0, -6.0]),
        ];
        let pairs: Vec<&Example> = pairs.iter().collect();
        let packed = Batch::new(&pairs, Packing::On);
        assert_eq!((packed.rows, packed.width, packed.occupied()), (2, 64, 70));
        let group = row::GROUP;
        assert_eq!(packed.tokens[64..72], [1, 2, 3, 4, 7, 8, 9, 10]);
        assert_eq!(packed.segments[64..68], [0, 1, 1, 2]);
        assert_eq!(packed.segments[68..72], [group, group, group + 1, group + 2]);
        assert_eq!(packed.positions[64..72], [0, 1, 2, 1, 0, 1, 2, 2]);
        assert_eq!(
            (packed.reference(0), packed.reference(1)),
            (vec![-1.0, -3.0, -5.0], vec![-2.0, -4.0, -6.0])
        );
        let apart = Batch::new(&pairs, Packing::Off);
        assert_eq!((apart.rows, apart.width, apart.scored()), (3, 64, packed.scored()));
        assert!(apart.segments.iter().all(|segment| *segment < group));
    }

    #[test]
    fn neighbours_of_one_group_are_one_group() {
        let of = |group: &str| Example { group: group.to_owned(), ..example(&[1], &[&[2], &[3]], &[]) };
        let examples = [of("a"), of("a"), of(""), of(""), of("b"), of("b"), of("b")];
        let batch = Batch::new(&examples.iter().collect::<Vec<_>>(), Packing::On);
        assert_eq!(batch.groups, [0, 0, 1, 2, 3, 3, 3]);
        assert_eq!(batch.group_members()[3 * 7..], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_tokens_key_depends_on_its_address_alone() {
        let texts: Vec<Example> = (1..9_u32).map(|n| example(&[n], &[&[n; 5]], &[])).collect();
        let all: Vec<&Example> = texts.iter().collect();
        let keys = |examples: &[&Example], numbers: &[usize], step: usize, packing: Packing| {
            let mut batch = Batch::new(examples, packing);
            batch.draw(7, step, numbers);
            let key = |index: usize| batch.keys[batch.places[index].clone()].to_vec();
            (0..examples.len()).map(key).collect::<Vec<_>>()
        };
        let numbers: Vec<usize> = (0..8).collect();
        let together = keys(&all, &numbers, 3, Packing::On);
        assert_eq!(keys(&all, &numbers, 3, Packing::Off), together);
        assert_eq!(keys(&all[4..], &numbers[4..], 3, Packing::On), together[4..]);
        assert_ne!(keys(&all, &numbers, 4, Packing::On), together);
        assert!(together.iter().flatten().all(|key| (0..dropout::KEYS as i64).contains(key)));
        let mut distinct: Vec<i64> = together.concat();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 48);
    }
}
