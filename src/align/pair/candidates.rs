//! Pairs out of a question's own candidates (DCO's baselines, methods 3.10): one of them against others.

use crate::{artifact::row::question::Question, random::Draws};

/// Which candidates are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Each other one.
    Rest,
    /// One of the others, drawn by question and language.
    Random {
        /// Seed of the draw.
        seed: u64,
    },
}

/// Positions of the candidates that are rejected where the one at `chosen` is preferred. Candidates that read the same as
/// that one are never rejected.
pub fn rejected(question: &Question, chosen: usize, which: Rejected) -> Vec<usize> {
    let Some(text) = question.choices.get(chosen) else { return Vec::new() };
    let others: Vec<usize> =
        (0..question.choices.len()).filter(|other| question.choices[*other] != *text).collect();
    match which {
        Rejected::Rest => others,
        Rejected::Random { .. } if others.is_empty() => others,
        Rejected::Random { seed } => {
            let item = format!("{}/{}", question.id, question.lang);
            vec![others[Draws::new(seed, &item, 0).below(others.len())]]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_are_rejected_all_or_one() {
        let question = |id: &str| Question {
            id: id.into(),
            lang: "en".into(),
            question: "?".into(),
            choices: ["a", "b", "a", "c"].map(str::to_owned).to_vec(),
            answer: Some(0),
            choice_ids: Vec::new(),
            split: String::new(),
            group: String::new(),
        };
        assert_eq!(rejected(&question("1"), 0, Rejected::Rest), [1, 3]);
        assert_eq!(rejected(&question("1"), 7, Rejected::Rest), [0_usize; 0]);
        let one = |id: usize| rejected(&question(&id.to_string()), 0, Rejected::Random { seed: 0 });
        let drawn: Vec<usize> = (0..40).flat_map(one).collect();
        assert_eq!(drawn.len(), 40);
        assert!(drawn.contains(&1) && drawn.contains(&3) && !drawn.contains(&2) && !drawn.contains(&0));
        assert_eq!(one(5), one(5));
    }
}
