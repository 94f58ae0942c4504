//! Random preferences that several languages share (DCO, methods 3.3): the same two candidates of a question in each.
//!
//! Which candidate is "chosen" is a coin toss: direct consistency optimisation asks languages to agree, not to be right.
//! Every draw is the one that Python's `random` makes in the published code, so a seed gives the published rows.

use crate::random::python::PythonRandom;

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Seed of all draws.
    pub seed: u64,
    /// How many questions are drawn for training, at most all.
    pub train: usize,
    /// How often each of them is passed.
    pub passes: usize,
    /// Which languages a row joins.
    pub partners: Partners,
}

/// Which languages a row joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partners {
    /// Two: the given ones, or an ordered random pair of more.
    Two,
    /// All of them.
    All,
}

/// One shared preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The pass, from 0.
    pub pass: usize,
    /// The position of the question.
    pub question: usize,
    /// Positions of languages, in the order of the row.
    pub languages: Vec<usize>,
    /// The position of the chosen candidate among those kept.
    pub chosen: usize,
    /// The position of the rejected candidate among those kept.
    pub rejected: usize,
}

/// Why a row was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skipped {
    /// Some language has fewer than two candidates.
    TooFew,
    /// A language has fewer candidates than the first one, and not the drawn ones. The published code would stop.
    NotThere,
}

/// All rows in the order they are drawn, and those left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Positions of the questions drawn for training, in the order drawn.
    pub train: Vec<usize>,
    /// The rows.
    pub rows: Vec<Shared>,
    /// Why other rows are not there.
    pub skipped: Vec<Skipped>,
}

/// Draws rows. `counts[question][language]` says how many candidates are kept there; every question has all languages,
/// of which there are at least two.
pub fn draw(counts: &[Vec<usize>], sampling: &Sampling) -> Drawn {
    let mut source = PythonRandom::seed(sampling.seed);
    let train = source.sample(counts.len(), sampling.train.min(counts.len()));
    let mut drawn = Drawn { train, ..Drawn::default() };
    for pass in 0..sampling.passes {
        for &question in &drawn.train {
            let of_language = &counts[question];
            let languages = match sampling.partners {
                Partners::Two if of_language.len() > 2 => source.sample(of_language.len(), 2),
                Partners::Two | Partners::All => (0..of_language.len()).collect(),
            };
            let kept: Vec<usize> = languages.iter().map(|language| of_language[*language]).collect();
            let Some(first) = kept.first().copied().filter(|_| kept.iter().all(|count| *count >= 2)) else {
                drawn.skipped.push(Skipped::TooFew);
                continue;
            };
            let sides = source.sample(first, 2);
            let (chosen, rejected) = (sides[0], sides[1]);
            if kept.iter().any(|count| *count <= chosen.max(rejected)) {
                drawn.skipped.push(Skipped::NotThere);
                continue;
            }
            drawn.rows.push(Shared { pass, question, languages, chosen, rejected });
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_two_candidates_everywhere_are_left_out() {
        let two = Sampling { seed: 0, train: 3, passes: 2, partners: Partners::Two };
        let drawn = draw(&[vec![2, 2], vec![1, 3], vec![9, 2]], &two);
        assert_eq!(drawn.rows.len() + drawn.skipped.len(), 6);
        assert_eq!(drawn.skipped.iter().filter(|reason| **reason == Skipped::TooFew).count(), 2);
        assert!(drawn.rows.iter().all(|row| row.chosen != row.rejected && row.languages == [0, 1]));
        let all = Sampling { partners: Partners::All, ..two };
        assert!(draw(&[vec![4, 4, 4]], &all).rows.iter().all(|row| row.languages == [0, 1, 2]));
    }
}
