//! Quality gates of translations: what a text must keep of its source. Pure; what is done about a breach is for others.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chrf::chrf;
use crate::{
    failure::bug,
    task::{language::LangCode, script},
};

/// What a translation must keep. By default only empty ones and candidates that became one are held back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    /// Holds back empty texts.
    #[serde(default = "yes")]
    pub empty: bool,
    /// Holds back questions in which two candidates that differed have become the same.
    #[serde(default = "yes")]
    pub distinct_choices: bool,
    /// The least and the greatest number of characters for each character of the source.
    #[serde(default)]
    pub length_ratio: Option<[f64; 2]>,
    /// The least share of letters that must be of a script of the target language, from 0 to 1.
    #[serde(default)]
    pub script: Option<f64>,
    /// Holds back texts whose numbers are not those of the source. Digits of all scripts count alike, and so do all ways to
    /// separate groups and decimals.
    #[serde(default)]
    pub numbers: bool,
    /// Holds back texts whose placeholders are not those of the source: `{name}`, `%s`, `%(name)s`, `<tag>`, web addresses, text
    /// between backticks.
    #[serde(default)]
    pub placeholders: bool,
    /// Holds back texts that hold one of these where the source does not, whatever their case: refusals, error messages.
    #[serde(default)]
    pub error_markers: Vec<String>,
    /// The least similarity (chrF, from 0 to 1) between the source and the translation translated back. Needs a model, which
    /// is asked once more for each text.
    #[serde(default)]
    pub round_trip: Option<f64>,
}

fn yes() -> bool {
    true
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            empty: true,
            distinct_choices: true,
            length_ratio: None,
            script: None,
            numbers: false,
            placeholders: false,
            error_markers: Vec::new(),
            round_trip: None,
        }
    }
}

/// Why a translation is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The gate, by the name of its setting.
    pub gate: &'static str,
    /// What it found.
    pub found: String,
}

impl Breach {
    fn new(gate: &'static str, found: impl Into<String>) -> Self {
        Self { gate, found: found.into() }
    }
}

impl Gates {
    /// The first gate that does not let `text` pass as the translation of `source` into `lang`.
    pub fn breach(&self, source: &str, text: &str, lang: &LangCode) -> Option<Breach> {
        if self.empty && text.trim().is_empty() {
            return Some(Breach::new("empty", "there is no text"));
        }
        let lower = text.to_lowercase();
        let marker = self.error_markers.iter().find(|marker| {
            let marker = marker.to_lowercase();
            lower.contains(&marker) && !source.to_lowercase().contains(&marker)
        });
        if let Some(marker) = marker {
            return Some(Breach::new("error_markers", format!("it holds `{marker}`")));
        }
        self.length_breach(source, text)
            .or_else(|| self.script_breach(text, lang))
            .or_else(|| self.numbers.then(|| kept("numbers", &numbers(source), &numbers(text)))?)
            .or_else(|| {
                self.placeholders.then(|| kept("placeholders", &placeholders(source), &placeholders(text)))?
            })
    }

    fn length_breach(&self, source: &str, text: &str) -> Option<Breach> {
        let [least, most] = self.length_ratio?;
        let count = |text: &str| text.trim().chars().count();
        let ratio = count(text) as f64 / count(source).max(1) as f64;
        (ratio < least || ratio > most).then(|| {
            Breach::new(
                "length_ratio",
                format!("{ratio:.2} characters for each of the source, not {least} to {most}"),
            )
        })
    }

    fn script_breach(&self, text: &str, lang: &LangCode) -> Option<Breach> {
        let least = self.script?;
        let share = script::share(text, lang)?;
        (share < least).then(|| {
            Breach::new(
                "script",
                format!("{share:.2} of its letters are of a script of `{lang}`, not {least}"),
            )
        })
    }

    /// Whether the translation back is too far from the source.
    pub fn round_trip_breach(&self, source: &str, back: &str) -> Option<Breach> {
        let least = self.round_trip?;
        let similarity = chrf(back, source);
        (similarity < least).then(|| {
            Breach::new(
                "round_trip",
                format!("translated back it has chrF {similarity:.2}, not {least}: {back}"),
            )
        })
    }

    /// Whether two candidates that differed have become the same.
    pub fn choices_breach(&self, sources: &[String], choices: &[String]) -> Option<Breach> {
        if !self.distinct_choices {
            return None;
        }
        for (second, text) in choices.iter().enumerate() {
            for (first, earlier) in choices.iter().enumerate().take(second) {
                if text.trim() == earlier.trim() && sources.get(first) != sources.get(second) {
                    let found =
                        format!("candidates {first} and {second} have become the same: {}", text.trim());
                    return Some(Breach::new("distinct_choices", found));
                }
            }
        }
        None
    }
}

/// Says what is missing or too much, if anything is.
fn kept(gate: &'static str, source: &[String], text: &[String]) -> Option<Breach> {
    let count = |items: &[String]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for item in items {
            *counts.entry(item.clone()).or_default() += 1;
        }
        counts
    };
    let (source, text) = (count(source), count(text));
    if source == text {
        return None;
    }
    let beyond = |items: &BTreeMap<String, usize>, others: &BTreeMap<String, usize>| {
        let more = items.iter().filter(|(item, count)| others.get(*item).unwrap_or(&0) < *count);
        more.map(|(item, _)| item.clone()).collect::<Vec<_>>().join(", ")
    };
    let found = [("missing: ", beyond(&source, &text)), ("new: ", beyond(&text, &source))];
    let found =
        found.iter().filter(|(_, items)| !items.is_empty()).map(|(word, items)| format!("{word}{items}"));
    Some(Breach::new(gate, found.collect::<Vec<_>>().join("; ")))
}

static PLACEHOLDERS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"\{[^{}\s]*\}|%\([A-Za-z0-9_]+\)[a-z]|%[sdif]\b|</?[A-Za-z][^<>]*>|https?://[^\s<>、。，）)]+|`[^`]+`";
    Regex::new(pattern).unwrap_or_else(|error| bug(error))
});

fn placeholders(text: &str) -> Vec<String> {
    PLACEHOLDERS.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

/// The zeros of decimal digits (Unicode general category Nd) in the scripts of the languages that [`LangCode`] knows.
const ZEROS: [u32; 21] = [
    0x30, 0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0xFF10,
];

fn digit(letter: char) -> Option<char> {
    let code = u32::from(letter);
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// The digits of each number, in ASCII, without what separates groups and decimals: `1,000.5` and `١٬٠٠٠٫٥` are both `10005`.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut number = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if let Some(digit) = digit(letter) {
            number.push(digit);
            continue;
        }
        let separator = ".,'\u{2019}\u{66B}\u{66C}\u{A0}\u{202F}\u{FF0C}\u{FF0E}".contains(letter);
        let inside = separator && !number.is_empty() && letters.peek().copied().and_then(digit).is_some();
        if !inside && !number.is_empty() {
            numbers.push(std::mem::take(&mut number));
        }
    }
    if !number.is_empty() {
        numbers.push(number);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Gates {
        Gates { empty: false, distinct_choices: false, ..Gates::default() }
    }

    fn gate(gates: &Gates, source: &str, text: &str, lang: &str) -> Option<String> {
        let breach = gates.breach(source, text, &lang.parse().unwrap())?;
        Some(format!("{}: {}", breach.gate, breach.found))
    }

    #[test]
    fn without_gates_everything_passes() {
        assert_eq!(gate(&none(), "What is 2+2?", "", "sw"), None);
        assert_eq!(
            gate(&Gates::default(), "What is 2+2?", " \u{3000}\n", "sw").unwrap(),
            "empty: there is no text"
        );
    }

    #[test]
    fn length_is_counted_in_characters_of_any_script() {
        let gates = Gates { length_ratio: Some([0.3, 2.0]), ..none() };
        // 13 characters for 31; 6 for 31; 14 for 6.
        assert_eq!(gate(&gates, "The capital of Japan is Tokyo.!", "日本の首都は東京です。ねえ", "ja"), None);
        let short = gate(&gates, "The capital of Japan is Tokyo.!", "日本の首都は", "ja").unwrap();
        assert_eq!(short, "length_ratio: 0.19 characters for each of the source, not 0.3 to 2");
        assert!(
            gate(&gates, "東京です。ね", "It is Tokyo, I", "en").unwrap().starts_with("length_ratio: 2.33")
        );
    }

    #[test]
    fn the_script_is_that_of_the_target() {
        let gates = Gates { script: Some(0.6), ..none() };
        assert_eq!(gate(&gates, "x", "Столица Франции: Paris", "ru"), None);
        assert_eq!(gate(&gates, "x", "42", "ru"), None, "nothing to judge by");
        let untranslated = gate(&gates, "x", "The capital", "ar").unwrap();
        assert_eq!(untranslated, "script: 0.00 of its letters are of a script of `ar`, not 0.6");
        assert_eq!(gate(&gates, "x", "日本の首都", "ja"), None);
        assert_eq!(gate(&gates, "x", "ประเทศไทย", "th"), None);
        assert!(gate(&gates, "x", "भारत India", "hi").is_some(), "4 of 9 letters");
    }

    #[test]
    fn numbers_stay_whatever_their_digits() {
        let gates = Gates { numbers: true, ..none() };
        assert_eq!(gate(&gates, "In 1990, 3.5 of 1,000", "En 1990, 3,5 de 1.000", "fr"), None);
        assert_eq!(gate(&gates, "1,000.5 and 7", "١٬٠٠٠٫٥ و ٧", "ar"), None);
        assert_eq!(gate(&gates, "25 years", "২৫ বছর", "bn"), None);
        assert_eq!(gate(&gates, "25 years", "２５年", "ja"), None);
        assert_eq!(gate(&gates, "25 years", "52 ans", "fr").unwrap(), "numbers: missing: 25; new: 52");
        assert_eq!(gate(&gates, "1 + 1", "1 + deux", "fr").unwrap(), "numbers: missing: 1");
        assert_eq!(gate(&gates, "no number.", "aucun nombre, 2", "fr").unwrap(), "numbers: new: 2");
    }

    #[test]
    fn placeholders_stay_as_they_are() {
        let gates = Gates { placeholders: true, ..none() };
        let source = "Dear {name}, see <b>this</b> at https://x.example/a?b=1 or run `ls -l` %s";
        let good = "Cher {name}, voir <b>ceci</b> sur https://x.example/a?b=1 ou lancer `ls -l` %s";
        assert_eq!(gate(&gates, source, good, "fr"), None);
        let bad = good.replace("{name}", "{nom}").replace("%s", "");
        assert_eq!(
            gate(&gates, source, &bad, "fr").unwrap(),
            "placeholders: missing: %s, {name}; new: {nom}"
        );
        assert_eq!(gate(&gates, "{x}は<i>", "{x} <i>", "en"), None);
    }

    #[test]
    fn markers_of_errors_count_unless_the_source_has_them() {
        let gates = Gates { error_markers: vec!["I cannot".to_owned(), "错误".to_owned()], ..none() };
        assert_eq!(
            gate(&gates, "x", "Sorry, i CANNOT do that", "en").unwrap(),
            "error_markers: it holds `I cannot`"
        );
        assert_eq!(gate(&gates, "x", "发生错误", "zh").unwrap(), "error_markers: it holds `错误`");
        assert_eq!(gate(&gates, "Why can't I? I cannot swim", "I cannot swim", "en"), None);
    }

    #[test]
    fn the_way_back_must_lead_near_the_source() {
        let gates = Gates { round_trip: Some(0.6), ..none() };
        // chrF 0.67, as in the test of chrF itself.
        assert_eq!(gates.round_trip_breach("The cat is on the mat.", "The cat sat on the mat."), None);
        let far = gates.round_trip_breach("The cat is on the mat.", "A dog barks").unwrap();
        assert_eq!(far.gate, "round_trip");
        assert_eq!(none().round_trip_breach("a", "b"), None);
    }

    #[test]
    fn candidates_that_differed_must_differ() {
        let sources = ["bank", "shore", "bank"].map(str::to_owned);
        let gates = Gates::default();
        let choices = |texts: [&str; 3]| texts.map(str::to_owned);
        assert_eq!(gates.choices_breach(&sources, &choices(["Bank", "Ufer", "Bank"])), None);
        let breach = gates.choices_breach(&sources, &choices(["Bank", " Bank", "Bank"])).unwrap();
        assert_eq!(breach.found, "candidates 0 and 1 have become the same: Bank");
        assert_eq!(none().choices_breach(&sources, &choices(["B", "B", "B"])), None);
    }
}
