//! Selects the most self-consistent of several candidates (CM-Align, methods 2.3).

/// The candidate with the highest mean similarity to the others, and that mean; the first of equals. A single candidate has
/// nobody to agree with: its mean is 0. `None` without candidates.
pub fn most_similar(candidates: usize, similarity: &dyn Fn(usize, usize) -> f64) -> Option<(usize, f64)> {
    if candidates == 1 {
        return Some((0, 0.0));
    }
    let mean = |one: usize| {
        let others = (0..candidates).filter(|other| *other != one);
        others.map(|other| similarity(one, other)).sum::<f64>() / (candidates - 1) as f64
    };
    let means = (0..candidates).map(|candidate| (candidate, mean(candidate)));
    means.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// The first candidate with the most frequent answer, and the share of candidates that give it; of equally frequent answers
/// the one that was given first counts. `None` without candidates.
pub fn majority(answers: &[&str]) -> Option<(usize, f64)> {
    let count = |answer: &str| answers.iter().filter(|other| **other == answer).count();
    let votes = answers.iter().map(|answer| count(answer)).enumerate();
    let (first, votes) = votes.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    Some((first, votes as f64 / answers.len() as f64))
}

/// The cosine of two vectors; 0 if one of them is all zeros.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length == 0.0 { 0.0 } else { dot(a, b) / length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_in_the_middle_is_the_most_similar() {
        // Cosines: 0-1 .8, 0-2 0, 1-2 .6. Means: .4, .7, .3.
        let vectors = [vec![1.0, 0.0], vec![0.8, 0.6], vec![0.0, 1.0]];
        let (index, mean) = most_similar(3, &|a, b| cosine(&vectors[a], &vectors[b])).unwrap();
        assert!(index == 1 && (mean - 0.7).abs() < 1e-6, "{index} {mean}");
        assert_eq!(most_similar(4, &|_, _| 0.5), Some((0, 0.5)), "the first of equals");
        assert_eq!(most_similar(1, &|_, _| 1.0), Some((0, 0.0)));
        assert_eq!(most_similar(0, &|_, _| 1.0), None);
        assert!(cosine(&[0.0, 0.0], &[1.0, 0.0]).abs() < 1e-12);
    }

    #[test]
    fn the_first_with_the_most_frequent_answer_is_the_reference() {
        assert_eq!(majority(&["3", "7", "7", "3", "7"]), Some((1, 0.6)));
        assert_eq!(majority(&["3", "7"]), Some((0, 0.5)), "ties go to the answer first given");
        assert_eq!(majority(&[]), None);
    }
}
