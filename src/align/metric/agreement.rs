//! How often languages give the same answer: `M`, `Consistency_s` (methods 6.2), AC3 (methods 6.3), and the overlap
//! measures of the `RankC` code (methods 6.4).

/// `M` for one group of languages: the share of questions that the group answers alike, 0 to 1.
///
/// `rows` holds one answer per language and question; `None` equals nothing, not even another `None`. 0 for no rows.
pub fn answered_alike<A: PartialEq>(rows: &[Vec<Option<A>>], group: &[usize]) -> f64 {
    let alike = |row: &&Vec<Option<A>>| {
        let mut answers = group.iter().map(|&language| row[language].as_ref());
        let first = answers.next().flatten();
        first.is_some() && answers.all(|answer| answer == first)
    };
    share(rows.iter().filter(alike).count(), rows.len())
}

/// `Consistency_s`: the mean of `M` over all groups of `size` among `languages` languages, 0 to 1. 0 when there is no
/// such group.
///
/// A group answers alike if and only if it lies within one set of equal answers, so groups are counted per question as
/// a sum of binomials instead of being enumerated.
pub fn consistency<A: PartialEq>(rows: &[Vec<Option<A>>], languages: usize, size: usize) -> f64 {
    let groups = binomial(languages, size);
    if groups == 0.0 || rows.is_empty() || size == 0 {
        return 0.0;
    }
    let alike: f64 = rows.iter().map(|row| groups_alike(row, size)).sum();
    alike / groups / rows.len() as f64
}

/// Number of groups of `size` languages that give the same answer to one question.
pub(super) fn groups_alike<A: PartialEq>(row: &[Option<A>], size: usize) -> f64 {
    let mut sets: Vec<(&A, usize)> = Vec::new();
    for answer in row.iter().flatten() {
        match sets.iter_mut().find(|(seen, _)| *seen == answer) {
            Some((_, count)) => *count += 1,
            None => sets.push((answer, 1)),
        }
    }
    sets.into_iter().map(|(_, count)| binomial(count, size)).sum()
}

/// `n` over `k`, exact for the few dozen languages there can be.
pub(super) fn binomial(n: usize, k: usize) -> f64 {
    if k > n {
        return 0.0;
    }
    (0..k).fold(1.0, |product, step| product * (n - step) as f64 / (step + 1) as f64).round()
}

/// AC3: the harmonic mean of accuracy and consistency, in whatever unit both have; 0 if their sum is 0.
pub fn ac3(accuracy: f64, consistency: f64) -> f64 {
    let sum = accuracy + consistency;
    if sum == 0.0 { 0.0 } else { 2.0 * accuracy * consistency / sum }
}

/// `part` of `whole` as a fraction; 0 of 0 is 0.
pub fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[&str]) -> Vec<Vec<Option<char>>> {
        text.iter().map(|row| row.chars().map(|c| (c != '-').then_some(c)).collect()).collect()
    }

    #[test]
    fn one_question_of_three_languages_gives_the_papers_numbers() {
        let rows = rows(&["AAB"]);
        assert_eq!(answered_alike(&rows, &[0, 1]), 1.0);
        assert_eq!(answered_alike(&rows, &[0, 2]), 0.0);
        assert_eq!(answered_alike(&rows, &[1, 2]), 0.0);
        assert_eq!(consistency(&rows, 3, 2), 1.0 / 3.0);
        assert_eq!(consistency(&rows, 3, 3), 0.0);
    }

    #[test]
    fn answers_that_cannot_be_read_agree_with_nothing() {
        assert_eq!(consistency(&rows(&["--A"]), 3, 2), 0.0);
    }

    #[test]
    fn ac3_is_the_harmonic_mean() {
        assert!((ac3(58.75, 57.73) - 58.24).abs() < 5e-3);
        assert_eq!(ac3(0.0, 0.0), 0.0);
    }

    /// The definition, word for word: every group of `size` languages.
    fn by_enumeration(rows: &[Vec<Option<char>>], languages: usize, size: usize) -> f64 {
        let groups: Vec<Vec<usize>> = (0..1_usize << languages)
            .map(|bits| (0..languages).filter(|language| bits >> language & 1 == 1).collect::<Vec<_>>())
            .filter(|group| group.len() == size)
            .collect();
        groups.iter().map(|group| answered_alike(rows, group)).sum::<f64>() / groups.len() as f64
    }

    proptest! {
        #[test]
        fn counting_binomials_equals_enumerating_groups(
            texts in proptest::collection::vec("[A-C-]{5}", 1..8),
            size in 1..=5_usize,
        ) {
            let rows = rows(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let expected = by_enumeration(&rows, 5, size);
            prop_assert!((consistency(&rows, 5, size) - expected).abs() < 1e-12);
        }
    }
}
