//! Takes the length of texts out of scores (implicit cross-lingual rewarding, methods 5.5b).

/// A candidate's score and the length of its text in characters.
pub type Scored = (f64, usize);

/// The factor `alpha` of 0, 0.001, ..., 0.999 for which `score - alpha * length` picks, over all questions, best and worst
/// candidates whose lengths differ least on average; the smallest such factor. Questions without candidates do not count.
pub fn factor(questions: &[Vec<Scored>]) -> f64 {
    let grid = (0..1000).map(|step| f64::from(step) / 1000.0);
    let mut best = (f64::INFINITY, 0.0);
    for alpha in grid {
        let difference: f64 = questions.iter().filter_map(|candidates| gap(candidates, alpha)).sum();
        if difference.abs() < best.0 {
            best = (difference.abs(), alpha);
        }
    }
    best.1
}

/// A score with its length taken out.
pub fn controlled((score, length): Scored, alpha: f64) -> f64 {
    score - alpha * length as f64
}

/// Length of the best candidate less that of the worst; the first of equals counts.
fn gap(candidates: &[Scored], alpha: f64) -> Option<f64> {
    let mut best = *candidates.first()?;
    let mut worst = best;
    for candidate in candidates {
        if controlled(*candidate, alpha) > controlled(best, alpha) {
            best = *candidate;
        }
        if controlled(*candidate, alpha) < controlled(worst, alpha) {
            worst = *candidate;
        }
    }
    Some(best.1 as f64 - worst.1 as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_factor_that_evens_out_lengths_is_found() {
        // Reward is length / 10 with a little noise: without control the longest wins, at .1 only the noise is left.
        let questions = vec![vec![(10.2, 100), (5.1, 50), (2.0, 20)], vec![(3.0, 30), (8.1, 80)]];
        let alpha = factor(&questions);
        let gaps = |alpha: f64| questions.iter().filter_map(|own| gap(own, alpha)).sum::<f64>().abs();
        assert!(gaps(0.0) > gaps(alpha));
        let least = (0..1000).map(|step| gaps(f64::from(step) / 1000.0)).fold(f64::INFINITY, f64::min);
        assert!((gaps(alpha) - least).abs() < 1e-12 && gaps(alpha - 0.001) > least);
        assert!(factor(&[]).abs() < 1e-12);
        assert!(factor(&[vec![(1.0, 5), (0.0, 5)]]).abs() < 1e-12, "equal lengths need no control");
    }
}
