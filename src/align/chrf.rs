//! chrF: how much of a reference's character n-grams a text has (Popović 2015), as sacrebleu computes it for a sentence:
//! orders 1 to 6, beta 2, without white space, orders that one of the texts is too short for left out.

use std::collections::BTreeMap;

const ORDER: usize = 6;
/// Recall counts twice as much as precision.
const BETA_SQUARED: f64 = 4.0;

/// The chrF of `text` against `reference`, in `[0, 1]`.
pub fn chrf(text: &str, reference: &str) -> f64 {
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
    let (text, reference) = (letters(text), letters(reference));
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for order in 1..=ORDER {
        let (own, wanted) = (grams(&text, order), grams(&reference, order));
        let (own_count, wanted_count) = (own.values().sum::<usize>(), wanted.values().sum::<usize>());
        if own_count == 0 || wanted_count == 0 {
            continue;
        }
        let shared: usize = own.iter().map(|(gram, count)| *count.min(wanted.get(gram).unwrap_or(&0))).sum();
        precision += shared as f64 / own_count as f64;
        recall += shared as f64 / wanted_count as f64;
        orders += 1.0;
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / orders, recall / orders);
    (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
}

fn grams(letters: &[char], order: usize) -> BTreeMap<&[char], usize> {
    let mut counts = BTreeMap::new();
    for gram in letters.windows(order) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_sacrebleu() {
        // sacrebleu 2.6.0: sentence_chrf(text, [reference]).score / 100.
        let cases = [
            ("The cat sat on the mat.", "The cat is on the mat.", 0.671_727_349_233_023_3),
            ("abc", "abc", 1.0),
            ("abcd", "xyz", 0.0),
            ("", "abc", 0.0),
            ("東京は日本の首都です。", "東京は日本の首都だ。", 0.715_345_721_970_496_3),
            ("a", "a b", 0.555_555_555_555_555_5),
            ("Hello world", "world Hello there", 0.399_060_314_600_740_75),
        ];
        for (text, reference, expected) in cases {
            assert!((chrf(text, reference) - expected).abs() < 1e-12, "{text}: {}", chrf(text, reference));
        }
    }
}
