//! How sure a model is where it is right and where it is wrong (methods 6.6): the entropy of the softmax over the
//! candidates' scores, in nats.
//!
//! The scores should be summed log-probabilities of the answers; a mean per token or per byte gives a flatter
//! distribution.

use super::{
    AnswerRow,
    document::{Entropy, Spread},
};

/// Entropy of the softmax over `scores`, in nats. Absent without scores, or with one that is not finite.
pub fn entropy(scores: &[f32]) -> Option<f64> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if scores.is_empty() || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let raw: Vec<f64> = scores.iter().map(|score| f64::from(score - largest).exp()).collect();
    let sum: f64 = raw.iter().sum();
    Some(raw.iter().map(|raw| raw / sum).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum())
}

/// The entropies of right and of wrong answers. Absent when there are no scores or no known answers.
pub(super) fn measure(rows: &[&AnswerRow], languages: usize) -> Option<Entropy> {
    let of = |language: usize, right: bool| {
        let known = rows.iter().filter(move |row| row.right.is_some() && row.is_right(language) == right);
        known.filter_map(move |row| entropy(row.scores.get(language)?))
    };
    let all = |right: bool| spread((0..languages).flat_map(|language| of(language, right)));
    let (right, wrong) = (all(true), all(false));
    let per_language =
        (0..languages).map(|language| [spread(of(language, true)), spread(of(language, false))]).collect();
    (right.count + wrong.count > 0).then_some(Entropy { right, wrong, per_language })
}

/// Mean and standard deviation of the population.
fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let values: Vec<f64> = values.collect();
    let count = values.len();
    if count == 0 {
        return Spread::default();
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64;
    Spread { mean, deviation: variance.sqrt(), count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_goes_from_nought_to_the_logarithm_of_the_number() {
        assert!((entropy(&[-3.0; 4]).unwrap() - 4_f64.ln()).abs() < 1e-12, "ln 4 = 1.386");
        assert!(entropy(&[0.0, -1000.0]).unwrap() < 1e-12);
        // p = 3/4, 1/4: 0.75 ln(4/3) + 0.25 ln 4 = 0.5623.
        assert!((entropy(&[0.75_f32.ln(), 0.25_f32.ln()]).unwrap() - 0.5623).abs() < 1e-4);
        // Scores may lie anywhere: a softmax does not see a shift.
        let shifted = entropy(&[0.75_f32.ln() - 500.0, 0.25_f32.ln() - 500.0]).unwrap();
        assert!((shifted - 0.5623).abs() < 1e-3, "{shifted}");
        assert_eq!((entropy(&[]), entropy(&[f32::NAN, 0.0])), (None, None));
    }

    #[test]
    fn right_and_wrong_answers_are_kept_apart() {
        let row = |answer: &str, scores: &[f32]| AnswerRow {
            right: Some("0".into()),
            answers: vec![Some(answer.into())],
            scores: vec![scores.to_vec()],
            ..AnswerRow::default()
        };
        let rows = [row("0", &[0.0, -1000.0]), row("1", &[-3.0, -3.0]), row("0", &[-3.0, -3.0])];
        let found = measure(&rows.iter().collect::<Vec<_>>(), 1).unwrap();
        let half = 2_f64.ln() / 2.0;
        assert!((found.right.mean - half).abs() < 1e-9 && (found.right.deviation - half).abs() < 1e-9);
        assert_eq!((found.right.count, found.wrong.count), (2, 1));
        assert!((found.wrong.mean - 2_f64.ln()).abs() < 1e-9);
    }
}
