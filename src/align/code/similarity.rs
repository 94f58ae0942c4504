//! How similar two token sequences are, from 0 to 1.

use std::collections::BTreeMap;

use super::Measure;

/// Compares token sequences.
#[derive(Debug)]
pub enum Similarity {}

impl Similarity {
    /// The similarity of `a` to `b`; symmetric except for [`Measure::Bleu`], where `b` is the reference. Two empty sequences are
    /// the same.
    pub fn of(measure: Measure, a: &[String], b: &[String]) -> f64 {
        match measure {
            Measure::Exact => f64::from(u8::from(a == b)),
            Measure::TokenEdit => edit(a, b),
            Measure::CharEdit => {
                let characters = |tokens: &[String]| tokens.join(" ").chars().collect::<Vec<char>>();
                edit(&characters(a), &characters(b))
            }
            Measure::Bleu => bleu(a, b),
        }
    }
}

/// 1 less the Levenshtein distance over the longer length.
fn edit<T: PartialEq>(a: &[T], b: &[T]) -> f64 {
    let longer = a.len().max(b.len());
    if longer == 0 {
        return 1.0;
    }
    let distance = strsim::generic_levenshtein(&Items(a), &Items(b));
    1.0 - distance as f64 / longer as f64
}

/// A slice as `strsim` wants it.
struct Items<'a, T>(&'a [T]);

impl<'a, T> IntoIterator for &Items<'a, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// BLEU with up to 4-grams. As in sacrebleu's sentence score with `add-k` smoothing (k = 1): 1 is added to matches and totals from
/// bigrams on, and orders for which the sequence is too short do not count.
fn bleu(a: &[String], reference: &[String]) -> f64 {
    if a.is_empty() || reference.is_empty() {
        return f64::from(u8::from(a.is_empty() && reference.is_empty()));
    }
    let orders = a.len().min(4);
    let mut logarithms = 0.0;
    for order in 1..=orders {
        let (own, known) = (grams(a, order), grams(reference, order));
        let matches: usize = own.iter().map(|(gram, count)| *count.min(known.get(gram).unwrap_or(&0))).sum();
        let added = if order > 1 { 1.0 } else { 0.0 };
        let precision = (matches as f64 + added) / ((a.len() + 1 - order) as f64 + added);
        if precision == 0.0 {
            return 0.0;
        }
        logarithms += precision.ln();
    }
    let brevity = (1.0 - reference.len() as f64 / a.len() as f64).min(0.0);
    (logarithms / orders as f64 + brevity).exp()
}

fn grams(tokens: &[String], order: usize) -> BTreeMap<&[String], usize> {
    let mut counts = BTreeMap::new();
    for gram in tokens.windows(order) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn edits_are_counted_against_the_longer_one() {
        let of = |measure, a: &str, b: &str| Similarity::of(measure, &tokens(a), &tokens(b));
        assert!((of(Measure::TokenEdit, "a b c", "a c d e") - 0.25).abs() < 1e-12, "3 edits of 4");
        assert!((of(Measure::CharEdit, "abc", "abd") - 2.0 / 3.0).abs() < 1e-12);
        for measure in [Measure::TokenEdit, Measure::CharEdit, Measure::Bleu, Measure::Exact] {
            assert!((of(measure, "a b c d e", "a b c d e") - 1.0).abs() < 1e-12, "{measure:?}");
            assert!((of(measure, "", "") - 1.0).abs() < 1e-12, "{measure:?}");
            assert!(of(measure, "a", "z").abs() < 1e-12, "{measure:?}");
        }
    }

    #[test]
    fn bleu_is_that_of_sacrebleu() {
        // sacrebleu 2.6.0: sentence_bleu(a, [b], tokenize="none", smooth_method="add-k", smooth_value=1) / 100.
        let table = [
            ("a b c d e f", "a b x d e f g", 0.410_959_912_335_015_44),
            ("a b c", "a b c d", 0.716_531_310_573_789_6),
            ("v0 = v1 + v2", "v0 = v2 + v1 * 2", 0.286_419_045_797_954_1),
            ("a a a b", "a b b", 0.451_801_001_804_922_44),
        ];
        for (a, b, expected) in table {
            let ours = Similarity::of(Measure::Bleu, &tokens(a), &tokens(b));
            assert!((ours - expected).abs() < 1e-9, "{a}: {ours}");
        }
    }
}
