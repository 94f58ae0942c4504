//! The product of experts (methods 3.10): what the languages would answer if each candidate's log-probability were the
//! weighted sum of its log-probabilities in all of them.

use super::{AnswerRow, agreement::share, document::Oracle};

/// The candidate with the largest weighted sum of scores; of equal ones the first. Absent when languages do not have
/// the same candidates.
pub fn choice(scores: &[Vec<f32>], weights: &[f64]) -> Option<usize> {
    let candidates = scores.first()?.len();
    if scores.len() != weights.len() || scores.iter().any(|of| of.len() != candidates) {
        return None;
    }
    let sum = |at: usize| -> f64 {
        let terms = scores.iter().zip(weights).filter(|(_, weight)| **weight != 0.0);
        terms.map(|(of, weight)| weight * of.get(at).map_or(f64::NAN, |score| f64::from(*score))).sum()
    };
    let mut best: Option<(usize, f64)> = None;
    for at in 0..candidates {
        let sum = sum(at);
        if !sum.is_nan() && best.is_none_or(|(_, known)| sum > known) {
            best = Some((at, sum));
        }
    }
    best.map(|(at, _)| at)
}

/// How often it is right. `right` of a row must be a candidate's position.
pub(super) fn measure(rows: &[&AnswerRow], weights: &[f64]) -> Option<Oracle> {
    let mut known = 0;
    let mut hits = 0;
    for row in rows {
        let (Some(right), Some(choice)) = (&row.right, choice(&row.scores, weights)) else { continue };
        known += 1;
        hits += usize::from(*right == choice.to_string());
    }
    (known > 0).then(|| Oracle { accuracy: 100.0 * share(hits, known), weights: weights.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_languages_outvote_unsure_ones() {
        // Two languages lean to candidate 1 a little, one knows that it is 0: the sums are -1.4 and -5.2.
        let scores = [vec![-0.7, -0.6], vec![-0.7, -0.6], vec![0.0, -4.0]];
        assert_eq!(choice(&scores, &[1.0, 1.0, 1.0]), Some(0));
        assert_eq!(choice(&scores, &[1.0, 1.0, 0.0]), Some(1));
        assert_eq!(choice(&[vec![-1.0, -1.0]], &[1.0]), Some(0), "the first of equals");
        assert_eq!(choice(&[vec![-1.0], vec![-1.0, -2.0]], &[1.0, 1.0]), None);
        assert_eq!(choice(&[vec![f32::NAN, -2.0]], &[1.0]), Some(1));
    }
}
