//! Pairs out of scored candidates: the best against the worst (CM-Align, methods 2.4; ICR, 5.5b), or every one against
//! every worse one (MAPO, 5.4).

use std::sync::LazyLock;

use regex::Regex;

use crate::failure::bug;

/// A candidate as a pair sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// The text.
    pub text: &'a str,
    /// How consistent it is with the reference; higher is better.
    pub score: f64,
    /// Whether its answer is the reference's; `None` where answers are not compared.
    pub agrees: Option<bool>,
}

/// Why candidates make no pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoPair {
    /// Fewer than two candidates have a text.
    TooFew,
    /// Best and worst are one candidate.
    Same,
    /// Best and worst say the same.
    SameText,
    /// All answers are that of the reference.
    OnlyAgreeing,
    /// No answer is that of the reference.
    OnlyDisagreeing,
}

/// Positions of the best and of the worst candidate; equal scores go to the first. Where answers are compared, the best of
/// those that agree and the worst of those that do not. Candidates without text do not count.
pub fn extremes(candidates: &[Candidate<'_>]) -> Result<(usize, usize), NoPair> {
    let said: Vec<usize> =
        (0..candidates.len()).filter(|place| !candidates[*place].text.trim().is_empty()).collect();
    if said.len() < 2 {
        return Err(NoPair::TooFew);
    }
    let compared = said.iter().any(|place| candidates[*place].agrees.is_some());
    let among = |agrees: bool| {
        let fits = |place: &usize| !compared || candidates[*place].agrees == Some(agrees);
        said.iter().copied().filter(fits).collect::<Vec<_>>()
    };
    let score = |place: &usize| candidates[*place].score;
    // `max_by` keeps the last of equals, `min_by` the first: so the order is turned around for the first.
    let best = among(true).into_iter().rev().max_by(|a, b| score(a).total_cmp(&score(b)));
    let worst = among(false).into_iter().min_by(|a, b| score(a).total_cmp(&score(b)));
    let best = best.ok_or(NoPair::OnlyDisagreeing)?;
    let worst = worst.ok_or(NoPair::OnlyAgreeing)?;
    if best == worst {
        return Err(NoPair::Same);
    }
    if candidates[best].text == candidates[worst].text {
        return Err(NoPair::SameText);
    }
    Ok((best, worst))
}

/// Positions (better, worse) of all ordered pairs, best first, such that the better one's answer is right, the scores differ,
/// and the texts differ when annotations of a calculator (`<<3+4=7>>`) are left out of both.
pub fn ordered(candidates: &[Candidate<'_>]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| candidates[*b].score.total_cmp(&candidates[*a].score));
    let mut pairs = Vec::new();
    for (rank, &better) in order.iter().enumerate() {
        if candidates[better].agrees != Some(true) {
            continue;
        }
        for &worse in &order[rank + 1..] {
            let (a, b) = (&candidates[better], &candidates[worse]);
            if a.score > b.score && unannotated(a.text) != unannotated(b.text) {
                pairs.push((better, worse));
            }
        }
    }
    pairs
}

static ANNOTATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"<<[^<>]*>>").unwrap_or_else(|error| bug(error)));

fn unannotated(text: &str) -> std::borrow::Cow<'_, str> {
    ANNOTATION.replace_all(text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(scores: &[(f64, &'static str)]) -> Vec<Candidate<'static>> {
        scores.iter().map(|(score, text)| Candidate { text, score: *score, agrees: None }).collect()
    }

    #[test]
    fn the_best_meets_the_worst_and_the_first_of_equals_counts() {
        assert_eq!(extremes(&plain(&[(0.2, "a"), (0.9, "b"), (0.1, "c")])), Ok((1, 2)));
        assert_eq!(extremes(&plain(&[(0.9, "a"), (0.9, "b"), (0.1, "c"), (0.1, "d")])), Ok((0, 2)));
        assert_eq!(extremes(&plain(&[(0.5, "a"), (0.5, "b")])), Err(NoPair::Same));
        assert_eq!(extremes(&plain(&[(0.9, "a"), (0.5, "a")])), Err(NoPair::SameText));
        assert_eq!(extremes(&plain(&[(0.9, "a"), (0.5, " ")])), Err(NoPair::TooFew));
    }

    #[test]
    fn where_answers_are_compared_the_sides_come_from_different_answers() {
        let with = |agrees: &[Option<bool>]| {
            let texts = ["a", "b", "c", "d"];
            let scores = [0.1, 0.4, 0.9, 0.3];
            let of =
                |place: usize| Candidate { text: texts[place], score: scores[place], agrees: agrees[place] };
            extremes(&(0..agrees.len()).map(of).collect::<Vec<_>>())
        };
        // The worst is the least similar of those that disagree, although an agreeing one is less similar still.
        assert_eq!(with(&[Some(true), Some(true), Some(false), Some(false)]), Ok((1, 3)));
        assert_eq!(with(&[Some(true), Some(true)]), Err(NoPair::OnlyAgreeing));
        assert_eq!(with(&[Some(false), Some(false)]), Err(NoPair::OnlyDisagreeing));
        assert_eq!(with(&[Some(true), None, Some(false)]), Ok((0, 2)), "unread answers stay out");
    }

    #[test]
    fn all_ordered_pairs_need_a_right_better_side_and_different_scores_and_texts() {
        let of = |text: &'static str, score: f64, right: bool| Candidate { text, score, agrees: Some(right) };
        let candidates = [
            of("wrong", 0.9, false),
            of("right <<1+1=2>>two", 0.5, true),
            of("right two", 0.4, true),
            of("right three", 0.5, true),
            of("low", 0.1, false),
        ];
        // Sorted: wrong .9, right<<>> .5, right three .5, right two .4, low .1.
        assert_eq!(ordered(&candidates), [(1, 4), (3, 2), (3, 4), (2, 4)]);
    }
}
