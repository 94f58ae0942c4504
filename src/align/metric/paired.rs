//! Compares two models on the same questions: exact sign tests, the paired bootstrap, and how answers changed.

use super::{
    AnswerRow, Measure,
    agreement::share,
    bootstrap::{Bootstrap, Tally, interval, resampled},
    document::{Against, Change, LanguageChange},
    mean,
};

/// Two-sided exact sign test: the probability that `better` and `worse` are as uneven as this, or more, if either is as
/// likely. Equal to `McNemar`'s exact test on discordant pairs. 1 when both are 0.
pub fn sign_test(better: usize, worse: usize) -> f64 {
    let (fewer, total) = (better.min(worse), better + worse);
    // C(total, k) / 2^total for k = 0, 1, ...; by logarithms, as 2^total overflows.
    let mut log = -(total as f64) * std::f64::consts::LN_2;
    let mut tail = log.exp();
    for k in 1..=fewer {
        log += (((total - k + 1) as f64) / k as f64).ln();
        tail += log.exp();
    }
    (2.0 * tail).min(1.0)
}

/// What changed from `before` to `now`, which hold the same questions in the same order.
pub(super) fn compare(
    measures: &[Measure],
    languages: &[String],
    now: &[&AnswerRow],
    before: &[&AnswerRow],
    bootstrap: &Bootstrap,
) -> Against {
    let per_language: Vec<LanguageChange> =
        languages.iter().enumerate().map(|(at, lang)| language(lang, at, now, before)).collect();
    let tallies: Vec<(Tally, Tally)> =
        measures.iter().map(|measure| (Tally::of(measure, now), Tally::of(measure, before))).collect();
    let change = |measure: &Measure, tallies: &(Tally, Tally), counts: Option<&[u32]>| -> Option<f64> {
        let now = (measure.combine)(&tallies.0.quotients(counts))?;
        Some(100.0 * (now - (measure.combine)(&tallies.1.quotients(counts))?))
    };
    let drawn = resampled(bootstrap, now.len(), |counts| {
        measures
            .iter()
            .zip(&tallies)
            .map(|(measure, tallies)| change(measure, tallies, Some(counts)))
            .collect()
    });
    let mut changes = Vec::new();
    for (index, (measure, tally)) in measures.iter().zip(&tallies).enumerate() {
        let Some(whole) = change(measure, tally, None) else { continue };
        let values: Vec<f64> = drawn.iter().filter_map(|values| *values.get(index)?).collect();
        let (better, worse) = signs(measure, tally, now.len());
        changes.push(Change {
            measure: measure.name.clone(),
            change: whole,
            interval: interval(values.iter().copied(), bootstrap.level),
            p_bootstrap: p_value(&values),
            better,
            worse,
            p_sign: sign_test(better, worse),
        });
    }
    let changed = mean(per_language.iter().map(|language| language.changed)).unwrap_or_default();
    Against { questions: now.len(), unmatched: 0, changed, per_language, changes }
}

fn language(lang: &str, at: usize, now: &[&AnswerRow], before: &[&AnswerRow]) -> LanguageChange {
    let both = || now.iter().zip(before);
    let changed = both().filter(|(now, before)| now.answers.get(at) != before.answers.get(at)).count();
    let gained = both().filter(|(now, before)| now.is_right(at) && !before.is_right(at)).count();
    let lost = both().filter(|(now, before)| !now.is_right(at) && before.is_right(at)).count();
    LanguageChange {
        lang: lang.to_owned(),
        changed: 100.0 * share(changed, now.len()),
        gained,
        lost,
        p: sign_test(gained, lost),
    }
}

/// Questions on which the measure is higher now, and lower.
fn signs(measure: &Measure, (now, before): &(Tally, Tally), questions: usize) -> (usize, usize) {
    let (mut better, mut worse) = (0, 0);
    for question in 0..questions {
        let both = now.of_question(measure, question).zip(before.of_question(measure, question));
        if let Some((now, before)) = both {
            better += usize::from(now > before + 1e-12);
            worse += usize::from(now < before - 1e-12);
        }
    }
    (better, worse)
}

/// Two-sided: twice the share of resampled changes on the rarer side of 0, counting one more so that it is never 0.
fn p_value(changes: &[f64]) -> Option<f64> {
    if changes.is_empty() {
        return None;
    }
    let below = changes.iter().filter(|change| **change <= 0.0).count();
    let above = changes.iter().filter(|change| **change >= 0.0).count();
    Some((2.0 * (below.min(above) + 1) as f64 / (changes.len() + 1) as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_test_is_the_binomial_test_of_scipy() {
        // scipy.stats.binomtest(k, n).pvalue; 5 of 6 by hand: 2 * (1 + 6) / 64.
        for (better, worse, p) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (5, 1, 14.0 / 64.0),
            (1, 5, 14.0 / 64.0),
            (3, 3, 1.0),
            (15, 4, 0.019_210_815_429_687_5),
            (60, 40, 0.056_887_933_640_980_8),
        ] {
            assert!(
                (sign_test(better, worse) - p).abs() < 1e-9,
                "{better} {worse}: {}",
                sign_test(better, worse)
            );
        }
        let many = sign_test(5200, 4800);
        assert!((6e-5..7e-5).contains(&many), "{many}");
    }

    #[test]
    fn p_values_are_never_nought() {
        assert_eq!(p_value(&[1.0; 999]), Some(0.002));
        assert_eq!(p_value(&[1.0, -1.0, 1.0]), Some(1.0));
        assert_eq!(p_value(&[]), None);
    }
}
