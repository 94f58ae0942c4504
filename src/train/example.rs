//! Holds one training example as token ids and fits it into the longest row that a run admits.

/// A prompt and the branches that continue it: one branch for language modelling and imitation, two for a pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// Names the example in messages.
    pub id: String,
    /// Tokens that every branch follows and that are not scored. May be empty: then the first token of a branch is
    /// not scored, because nothing predicts it.
    pub prompt: Vec<u32>,
    /// What follows the prompt, in the order of the roles of the loss.
    pub branches: Vec<Vec<u32>>,
    /// The log-probability of each branch under the reference model; empty if the loss needs none.
    pub references: Vec<f32>,
    /// What the loss wants to know of the example besides, in the order of its column names; empty if nothing.
    pub columns: Vec<f32>,
    /// Examples of one group stay together in a batch if the loss is one over groups. Empty: the example stands alone.
    pub group: String,
    /// The example's language.
    pub lang: String,
}

/// The prompts whose states an auxiliary term compares, by question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompts {
    /// The question of each example.
    pub of: Vec<usize>,
    /// The tokens of each question, in the same number of languages each; none is empty.
    pub questions: Vec<Vec<Vec<u32>>>,
}

/// How [`Example::truncate`] changed an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Tokens were cut from the beginning of the prompt.
    pub prompt: bool,
    /// Tokens were cut from the end of a branch.
    pub branch: bool,
}

impl Example {
    /// Number of tokens that the loss scores.
    pub fn scored(&self) -> usize {
        let unpredicted = usize::from(self.prompt.is_empty());
        self.branches.iter().map(|branch| branch.len().saturating_sub(unpredicted)).sum()
    }

    /// Whether every branch has a token to score.
    pub fn is_scorable(&self) -> bool {
        let least = 1 + usize::from(self.prompt.is_empty());
        !self.branches.is_empty() && self.branches.iter().all(|branch| branch.len() >= least)
    }

    /// Tokens of the prompt together with the longest branch: the length of the longest sequence.
    pub fn longest(&self) -> usize {
        self.prompt.len() + self.branches.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// All tokens: those of the prompt once, and those of every branch.
    pub fn tokens(&self) -> usize {
        self.prompt.len() + self.branches.iter().map(Vec::len).sum::<usize>()
    }

    /// Tokens of all sequences: those of the prompt with every branch.
    pub fn sequence_tokens(&self) -> usize {
        self.branches.iter().map(|branch| self.prompt.len() + branch.len()).sum()
    }

    /// Cuts the example so that no sequence is longer than `max_length` and the prompt no longer than `max_prompt`:
    /// first the beginning of the prompt, but not below half of the room or its own length, then the ends of branches.
    pub fn truncate(&mut self, max_length: usize, max_prompt: Option<usize>) -> Truncated {
        let mut truncated = Truncated::default();
        let whole = self.prompt.len();
        let mut keep = max_prompt.map_or(whole, |most| whole.min(most));
        if keep + self.longest() - whole > max_length {
            let longest_branch = self.longest() - whole;
            keep = keep.min(max_length.saturating_sub(longest_branch).max(max_length / 2));
        }
        if keep < whole {
            self.prompt.drain(..whole - keep);
            truncated.prompt = true;
        }
        let room = max_length.saturating_sub(keep);
        for branch in &mut self.branches {
            if branch.len() > room {
                branch.truncate(room);
                truncated.branch = true;
            }
        }
        truncated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(prompt: usize, branches: &[usize]) -> Example {
        Example {
            id: "x".to_owned(),
            prompt: (0..prompt as u32).collect(),
            branches: branches.iter().map(|length| (100..100 + *length as u32).collect()).collect(),
            ..Example::default()
        }
    }

    #[test]
    fn the_first_token_without_a_prompt_is_not_scored() {
        assert_eq!(example(0, &[5]).scored(), 4);
        assert_eq!(example(2, &[5, 3]).scored(), 8);
        assert!(!example(0, &[1]).is_scorable());
        assert!(!example(3, &[2, 0]).is_scorable());
        assert!(example(1, &[1]).is_scorable());
    }

    #[test]
    fn long_examples_lose_the_beginning_of_the_prompt_first() {
        let mut long = example(10, &[4, 3]);
        assert_eq!(long.truncate(9, None), Truncated { prompt: true, branch: false });
        assert_eq!((long.prompt, long.branches[0].len()), (vec![5, 6, 7, 8, 9], 4));

        let mut both = example(10, &[8, 3]);
        assert_eq!(both.truncate(9, None), Truncated { prompt: true, branch: true });
        assert_eq!((both.prompt.len(), both.branches[0].len(), both.branches[1].len()), (4, 5, 3));

        let mut fits = example(5, &[4]);
        assert_eq!(fits.truncate(9, None), Truncated::default());
        assert_eq!(fits.truncate(9, Some(2)), Truncated { prompt: true, branch: false });
        assert_eq!(fits.prompt, vec![3, 4]);
    }
}
