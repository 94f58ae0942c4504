//! How long answers are (methods 6.8): mean number of characters (Unicode scalar values) per language.

use super::{AnswerRow, document::Length, mean};

/// One entry per language; none without texts.
pub(super) fn measure(rows: &[&AnswerRow], languages: &[String]) -> Vec<Length> {
    let of = |(at, lang): (usize, &String)| {
        let lengths = rows.iter().filter_map(|row| *row.lengths.get(at)?).map(|length| length as f64);
        Some(Length { lang: lang.clone(), characters: mean(lengths)?, baseline: None })
    };
    languages.iter().enumerate().filter_map(of).collect()
}
