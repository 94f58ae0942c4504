//! The number that a mathematical answer ends in (MAPO's rule, methods 5.4 and 2.7).

use std::sync::LazyLock;

use regex::Regex;

use crate::failure::bug;

/// How a number is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Whether a minus sign directly before the digits counts. MAPO's rule ignores it.
    pub signed: bool,
}

/// The zeros of the scripts whose decimal digits people write numbers with; each is followed by its nine other digits.
const ZEROS: &[char] =
    &['0', '٠', '۰', '߀', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '༠', '၀', '០', '᠐', '０'];

static UNSIGNED: LazyLock<Regex> = LazyLock::new(|| pattern(r"[0-9]+(?:\.[0-9]+)?"));
static SIGNED: LazyLock<Regex> = LazyLock::new(|| pattern(r"-?[0-9]+(?:\.[0-9]+)?"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| bug(error))
}

/// The last integer or decimal of a text, commas between digits left out; `None` if there is none.
///
/// Digits of other scripts count (`১২`, `１２`), as do Arabic decimal and thousands marks. A comma is always a thousands mark,
/// so `3,5` is 35.
pub fn number(text: &str, settings: Numbers) -> Option<f64> {
    let plain = plain_digits(text);
    let pattern = if settings.signed { &SIGNED } else { &UNSIGNED };
    let last = pattern.find_iter(&plain).last()?;
    last.as_str().parse().ok().filter(|value: &f64| value.is_finite())
}

/// The text with digits in ASCII, a point as decimal mark, and no comma between digits.
fn plain_digits(text: &str) -> String {
    let characters: Vec<char> = text.chars().map(ascii).collect();
    let digit = |place: Option<usize>| {
        place.and_then(|place| characters.get(place)).is_some_and(char::is_ascii_digit)
    };
    let kept = characters.iter().enumerate().filter(|(place, character)| {
        !(**character == ',' && digit(place.checked_sub(1)) && digit(Some(place + 1)))
    });
    kept.map(|(_, character)| *character).collect()
}

fn ascii(character: char) -> char {
    match character {
        '٫' => '.',
        '٬' => ',',
        '−' => '-',
        _ => ZEROS
            .iter()
            .find_map(|zero| u32::from(character).checked_sub(u32::from(*zero)).filter(|digit| *digit < 10))
            .and_then(|digit| char::from_digit(digit, 10))
            .unwrap_or(character),
    }
}

/// How a number is written as an answer: the shortest decimal that reads back as it.
pub fn written(value: f64) -> String {
    // Minus zero is zero.
    (value + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_counts_without_sign_or_thousands_marks() {
        let table = [
            ("So 3 + 4 = 7.", Some(7.0)),
            ("The total is $1,234,567.50 in all", Some(1_234_567.5)),
            ("He owes -12", Some(12.0)),
            ("1, 2, 3", Some(3.0)),
            ("3.5.", Some(3.5)),
            (".5", Some(5.0)),
            ("উত্তর ১২,০০০", Some(12_000.0)),
            ("الجواب ١٢٫٥", Some(12.5)),
            ("答えは１８です", Some(18.0)),
            ("none", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(number(text, Numbers::default()), expected, "{text}");
        }
        assert_eq!(number("He owes −12", Numbers { signed: true }), Some(-12.0));
        assert_eq!(number(&"9".repeat(400), Numbers::default()), None, "no number of this size");
    }

    #[test]
    fn equal_numbers_are_written_alike() {
        for (text, expected) in [("18.0", "18"), ("18", "18"), ("0.50", "0.5"), ("-0", "0")] {
            assert_eq!(written(number(text, Numbers { signed: true }).unwrap()), expected);
        }
    }
}
