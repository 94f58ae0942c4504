//! Which pairs are kept, and which of them are held back to validate on.

use std::collections::{BTreeMap, BTreeSet};

use crate::{artifact::row::pair::Pair, random::Draws};

/// What a pair must have. The default keeps everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The least margin; pairs without one have none to be too small.
    pub min_margin: Option<f64>,
    /// The most pairs of a question in a language; of grouped pairs, the most groups of a question. 0: no limit.
    pub per_question: usize,
    /// Keep the first only of pairs that say the same in every field but their names.
    pub dedupe: bool,
}

/// What was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Pairs whose margin is too small.
    pub margin: usize,
    /// Pairs beyond those a question may have.
    pub beyond: usize,
    /// Pairs that are there already.
    pub again: usize,
}

/// Keeps whole units: a pair by itself, or all pairs of a group.
pub fn select(units: Vec<Vec<Pair>>, selection: &Selection) -> (Vec<Vec<Pair>>, LeftOut) {
    let mut left_out = LeftOut::default();
    let mut of_question: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut seen: BTreeSet<Vec<[String; 4]>> = BTreeSet::new();
    let mut kept = Vec::with_capacity(units.len());
    for unit in units {
        let small = |pair: &Pair| {
            selection.min_margin.is_some_and(|least| pair.margin.is_some_and(|margin| margin < least))
        };
        if unit.iter().any(small) {
            left_out.margin += unit.len();
            continue;
        }
        let texts = |pair: &Pair| [&pair.lang, &pair.prompt, &pair.chosen, &pair.rejected].map(String::clone);
        if selection.dedupe && !seen.insert(unit.iter().map(texts).collect()) {
            left_out.again += unit.len();
            continue;
        }
        let first = unit.first();
        let key = first.map(|pair| {
            let lang = if pair.group.is_empty() { pair.lang.clone() } else { String::new() };
            (pair.question.clone(), lang)
        });
        let count = of_question.entry(key.unwrap_or_default()).or_default();
        *count += 1;
        if selection.per_question > 0 && *count > selection.per_question {
            left_out.beyond += unit.len();
            continue;
        }
        kept.push(unit);
    }
    (kept, left_out)
}

/// The questions that are held back: `fraction` of them, rounded up, drawn by their ids, so that no question is on both sides.
pub fn held_back(pairs: &[Pair], fraction: f64, seed: u64) -> BTreeSet<String> {
    let questions: BTreeSet<&str> = pairs.iter().map(|pair| pair.question.as_str()).collect();
    let mut drawn: Vec<(u64, &str)> =
        questions.into_iter().map(|id| (Draws::new(seed, id, 1).bits(), id)).collect();
    drawn.sort_unstable();
    let count = (drawn.len() as f64 * fraction).ceil() as usize;
    drawn.into_iter().take(count).map(|(_, id)| id.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(question: &str, lang: &str, chosen: &str, margin: Option<f64>) -> Pair {
        Pair {
            id: format!("{question}/{lang}/{chosen}"),
            lang: lang.into(),
            chosen: chosen.into(),
            question: question.into(),
            margin,
            ..Pair::default()
        }
    }

    #[test]
    fn margins_repetitions_and_numbers_are_limited() {
        let units = || {
            vec![
                vec![pair("1", "en", "a", Some(0.5))],
                vec![pair("1", "en", "b", Some(0.1))],
                vec![pair("1", "en", "a", None)],
                vec![pair("1", "sw", "a", None)],
                vec![pair("1", "en", "c", Some(0.2))],
            ]
        };
        let (kept, left_out) = select(units(), &Selection::default());
        assert_eq!((kept.len(), left_out), (5, LeftOut::default()));
        let strict = Selection { min_margin: Some(0.2), per_question: 1, dedupe: true };
        let (kept, left_out) = select(units(), &strict);
        assert_eq!(left_out, LeftOut { margin: 1, beyond: 1, again: 1 });
        assert_eq!(
            kept.concat().iter().map(|pair| pair.id.as_str()).collect::<Vec<_>>(),
            ["1/en/a", "1/sw/a"]
        );
    }

    #[test]
    fn groups_stay_whole() {
        let grouped = |question: &str, margin: f64| {
            let side = |lang: &str, margin| Pair { group: "g".into(), ..pair(question, lang, "a", margin) };
            vec![side("en", Some(1.0)), side("sw", Some(margin))]
        };
        let units = vec![grouped("1", 0.1), grouped("1", 0.9), grouped("1", 0.8), grouped("2", 0.7)];
        let limits = Selection { min_margin: Some(0.5), per_question: 1, dedupe: false };
        let (kept, left_out) = select(units, &limits);
        assert_eq!((kept.len(), left_out), (2, LeftOut { margin: 2, beyond: 2, again: 0 }));
        assert!(kept.iter().all(|unit| unit.len() == 2));
    }

    #[test]
    fn a_share_of_the_questions_is_held_back() {
        let pairs: Vec<Pair> = (0..50).map(|id| pair(&(id % 25).to_string(), "en", "a", None)).collect();
        let held = held_back(&pairs, 0.06, 0);
        assert_eq!(held.len(), 2, "ceil(25 * .06)");
        assert_eq!(held, held_back(&pairs, 0.06, 0));
        assert_ne!(held, held_back(&pairs, 0.06, 1));
    }
}
