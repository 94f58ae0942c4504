//! Lays token sequences out in rows whose branches share a prefix, and says where their tokens are predicted.
//!
//! A preference pair is one row `[prompt | chosen | rejected]`, a candidate set one row `[prompt | c1 | c2 | ..]`, a
//! plain sequence a row with one branch. The prompt is computed once. Three numbers per token make this exact:
//!
//! | | prompt | branch k (from 1) | padding |
//! |---|---|---|---|
//! | position | 0, 1, .. | goes on where the prompt ended, in every branch | 0 |
//! | segment | 0 | k | -1 |
//!
//! A token sees the tokens of its prompt's segment and of its own segment whose position is not larger than its own
//! ([`crate::model::layer::attention`] builds the mask from exactly this), so a branch gets the numbers that it would
//! get as a sequence of its own behind the prompt.
//!
//! # Invariants
//! - Pure: no model, no graph, no I/O.
//! - The first token of a row is predicted by nothing and has no target.

use std::ops::Range;

use crate::tensor::Tensor;

/// The segment of the prompt, which every branch sees.
pub const PROMPT: i64 = 0;
/// Where several prompts with their branches share a row, the prompt of the n-th (from 0) has segment `n * GROUP`, and its
/// branch k has segment `n * GROUP + k`; so a row has fewer than this many branches.
pub const GROUP: i64 = 1 << 16;
/// The segment of padding, which nothing else sees.
pub const PADDING: i64 = -1;

/// One row: a prompt and the branches that follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Token ids, prompt first, then branch after branch.
    pub tokens: Vec<u32>,
    /// Number of prompt tokens.
    pub prompt: usize,
    /// Where each branch lies in `tokens`.
    pub branches: Vec<Range<usize>>,
}

impl Row {
    /// The row of a prompt (which may be empty) with its branches.
    pub fn new<B: AsRef<[u32]>>(prompt: &[u32], branches: &[B]) -> Self {
        let mut row = Self { tokens: prompt.to_vec(), prompt: prompt.len(), branches: Vec::new() };
        for branch in branches {
            let start = row.tokens.len();
            row.tokens.extend_from_slice(branch.as_ref());
            row.branches.push(start..row.tokens.len());
        }
        row
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it has no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The largest number of tokens that one branch, or the prompt alone, spans from the start of the text.
    pub fn span(&self) -> usize {
        self.prompt + self.branches.iter().map(ExactSizeIterator::len).max().unwrap_or(0)
    }

    /// Positions and segments of the tokens.
    fn places(&self) -> impl Iterator<Item = (i64, i64)> {
        let prompt = (0..self.prompt as i64).map(|position| (position, PROMPT));
        let branches = (1_i64..).zip(&self.branches).flat_map(move |(segment, range)| {
            (0..range.len() as i64).map(move |offset| (self.prompt as i64 + offset, segment))
        });
        prompt.chain(branches)
    }

    /// The predictions of branch `index`: for each of its tokens the token that predicts it and the token itself, as
    /// positions in the row. The first token of a row without prompt has none.
    pub fn predictions(&self, index: usize) -> impl Iterator<Item = (usize, usize)> {
        let range = self.branches[index].clone();
        let before = self.prompt.checked_sub(1);
        let start = range.start;
        range.filter_map(move |target| Some((if target == start { before? } else { target - 1 }, target)))
    }

    /// The predictions of the prompt's own tokens, all but the first.
    pub fn prompt_predictions(&self) -> impl Iterator<Item = (usize, usize)> {
        (1..self.prompt).map(|target| (target - 1, target))
    }
}

/// Rows side by side, padded to one length, as the tensors that a graph of whole rows takes.
#[derive(Clone, Debug, PartialEq)]
pub struct RowTensors {
    /// Token ids, i64 `[B,T]`.
    pub tokens: Tensor,
    /// Positions, i64 `[B,T]`.
    pub positions: Tensor,
    /// Segments, i64 `[B,T]`.
    pub segments: Tensor,
}

impl RowTensors {
    /// Pads `rows` to `length` tokens with token `padding`. Rows longer than `length` are cut; callers choose a length
    /// that fits.
    pub fn new(rows: &[&Row], length: usize, padding: u32) -> Self {
        let size = rows.len() * length;
        let mut tokens = vec![i64::from(padding); size];
        let mut positions = vec![0; size];
        let mut segments = vec![PADDING; size];
        for (index, row) in rows.iter().enumerate() {
            let start = index * length;
            let cells = row.tokens.iter().zip(row.places()).take(length);
            for (offset, (&token, (position, segment))) in cells.enumerate() {
                tokens[start + offset] = i64::from(token);
                positions[start + offset] = position;
                segments[start + offset] = segment;
            }
        }
        let tensor = |values: Vec<i64>| {
            Tensor::i64(&[rows.len(), length], values)
                .unwrap_or_else(|| crate::failure::bug("a row batch of the wrong size"))
        };
        Self { tokens: tensor(tokens), positions: tensor(positions), segments: tensor(segments) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_restart_where_the_prompt_ended() {
        let row = Row::new(&[5, 6], &[vec![7, 8], vec![9]]);
        let batch = RowTensors::new(&[&row], 6, 1);
        assert_eq!(batch.tokens.as_i64().unwrap(), [5, 6, 7, 8, 9, 1]);
        assert_eq!(batch.positions.as_i64().unwrap(), [0, 1, 2, 3, 2, 0]);
        assert_eq!(batch.segments.as_i64().unwrap(), [0, 0, 1, 1, 2, -1]);
        assert_eq!(row.span(), 4);
    }

    #[test]
    fn the_prompts_last_token_predicts_the_first_token_of_every_branch() {
        let row = Row::new(&[5, 6], &[vec![7, 8], vec![9]]);
        assert_eq!(row.predictions(0).collect::<Vec<_>>(), [(1, 2), (2, 3)]);
        assert_eq!(row.predictions(1).collect::<Vec<_>>(), [(1, 4)]);
        assert_eq!(row.prompt_predictions().collect::<Vec<_>>(), [(0, 1)]);
    }

    #[test]
    fn without_a_prompt_the_first_token_has_no_prediction() {
        let row = Row::new(&[], &[vec![7, 8, 9]]);
        assert_eq!(row.predictions(0).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        assert_eq!(row.prompt_predictions().count(), 0);
    }
}
