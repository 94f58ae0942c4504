//! Reads verdicts out of what a judge wrote, and settles two verdicts on the same pair in opposite orders (methods 6.8).

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Where in a judge's text the verdict stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VerdictParser")]
pub enum Parser {
    /// The first word, whatever marks stand around it.
    #[default]
    FirstWord,
    /// A field of the first JSON object in the text.
    Json,
    /// The first group of the first match of a pattern; the whole match if the pattern has no group.
    Regex,
}

/// How verdicts are read.
#[derive(Clone, Debug)]
pub enum Reader {
    /// [`Parser::FirstWord`].
    FirstWord,
    /// [`Parser::Json`], with the field's name.
    Json(String),
    /// [`Parser::Regex`].
    Regex(Regex),
}

impl Reader {
    /// The words of the verdict in lower case, if they are there.
    pub fn said(&self, text: &str) -> Option<String> {
        let said = match self {
            Self::FirstWord => first_word(text).to_owned(),
            Self::Json(field) => match first_object(text)?.get(field)? {
                Json::String(text) => text.clone(),
                value @ (Json::Number(_) | Json::Bool(_)) => value.to_string(),
                _ => return None,
            },
            Self::Regex(pattern) => {
                let found = pattern.captures(text)?;
                found.get(1).or_else(|| found.get(0))?.as_str().to_owned()
            }
        };
        let said = said.trim().to_lowercase();
        (!said.is_empty()).then_some(said)
    }
}

/// The first letters or digits that stand together; a point between digits is part of a number.
fn first_word(text: &str) -> &str {
    let word = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let mut before = ' ';
    let end = word.char_indices().find(|(index, c)| {
        let next = word.get(index + c.len_utf8()..).and_then(|rest| rest.chars().next());
        let point = *c == '.' && before.is_ascii_digit() && next.is_some_and(|next| next.is_ascii_digit());
        before = *c;
        !c.is_alphanumeric() && !point
    });
    end.map_or(word, |(end, _)| word.get(..end).unwrap_or_default())
}

/// The first JSON object in a text: judges like to talk around it.
fn first_object(text: &str) -> Option<Json> {
    let starts = text.match_indices('{').filter_map(|(start, _)| text.get(start..));
    // A brace that begins no object costs a look from there on; a text of braces must not cost the square of its length.
    starts.take(100).find_map(|rest| {
        serde_json::Deserializer::from_str(rest).into_iter::<Json>().next()?.ok().filter(Json::is_object)
    })
}

/// The verdict that a word means; words are compared in lower case.
pub fn meaning<'w>(said: &str, words: &'w BTreeMap<String, Vec<String>>) -> Option<&'w str> {
    let means =
        |(_, words): &(&String, &Vec<String>)| words.iter().any(|word| word.trim().to_lowercase() == said);
    words.iter().find(means).map(|(verdict, _)| verdict.as_str())
}

/// Which of two answers is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// The answer shown first.
    First,
    /// The answer shown second.
    Second,
    /// Neither.
    Tie,
}

/// The outcome for an answer that was shown first, and then second if the judge saw both orders: it wins or loses if it does so
/// in every order, otherwise it is a tie (methods 6.8).
pub fn outcome(shown_first: Preference, shown_second: Option<Preference>) -> &'static str {
    use Preference::{First, Second, Tie};
    match (shown_first, shown_second) {
        (First, None | Some(Second)) => "win",
        (Second, None | Some(First)) => "loss",
        (Tie, _) | (_, Some(_)) => "tie",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_stands_among_marks() {
        for (text, said) in [
            ("safe", Some("safe")),
            ("  **Unsafe**: it explains how", Some("unsafe")),
            ("\"SAFE.\"", Some("safe")),
            ("unsafe\nS9", Some("unsafe")),
            ("安全", Some("安全")),
            ("[[A]]", Some("a")),
            ("8.5/10", Some("8.5")),
            ("Rating", Some("rating")),
            ("7. It is good", Some("7")),
            ("...", None),
            ("", None),
        ] {
            assert_eq!(Reader::FirstWord.said(text).as_deref(), said, "{text}");
        }
    }

    #[test]
    fn json_stands_anywhere_in_the_text() {
        let reader = Reader::Json("verdict".to_owned());
        for (text, said) in [
            (r#"{"verdict": "Safe"}"#, Some("safe")),
            (
                "Sure {really}! ```json\n{\"why\": {\"a\": 1}, \"verdict\": \"unsafe\"}\n``` bye",
                Some("unsafe"),
            ),
            (r#"{"verdict": 7}"#, Some("7")),
            (r#"{"verdict": true}"#, Some("true")),
            (r#"{"verdict": null}"#, None),
            (r#"{"verdict": ["safe"]}"#, None),
            (r#"{"other": "safe"}"#, None),
            (r#"{"verdict": "saf"#, None),
            ("safe", None),
        ] {
            assert_eq!(reader.said(text).as_deref(), said, "{text}");
        }
        assert_eq!(reader.said(&"{".repeat(1 << 20)), None, "and quickly");
    }

    #[test]
    fn patterns_give_their_first_group() {
        let reader = |pattern: &str| Reader::Regex(Regex::new(pattern).unwrap());
        assert_eq!(reader(r"\[\[(\w)\]\]").said("I like [[A]], not [[B]]").unwrap(), "a");
        assert_eq!(reader(r"(?i)rating: \d+").said("Rating: 8/10").unwrap(), "rating: 8");
        assert_eq!(reader(r"\[\[(\w)\]\]").said("A"), None);
    }

    #[test]
    fn words_mean_verdicts_as_a_whole() {
        let words = BTreeMap::from([
            ("safe".to_owned(), vec!["safe".to_owned(), "No".to_owned()]),
            ("unsafe".to_owned(), vec!["unsafe".to_owned(), "yes".to_owned()]),
        ]);
        assert_eq!(meaning("no", &words), Some("safe"));
        assert_eq!(meaning("unsafe", &words), Some("unsafe"));
        assert_eq!(meaning("not safe", &words), None);
    }

    #[test]
    fn a_win_is_one_in_both_orders() {
        use Preference::{First, Second, Tie};
        // The answer of interest stands first in the first order and second in the second.
        let table = [
            (First, Second, "win"),
            (First, First, "tie"),
            (First, Tie, "tie"),
            (Second, First, "loss"),
            (Second, Second, "tie"),
            (Second, Tie, "tie"),
            (Tie, First, "tie"),
            (Tie, Second, "tie"),
            (Tie, Tie, "tie"),
        ];
        for (first, second, expected) in table {
            assert_eq!(outcome(first, Some(second)), expected, "{first:?} {second:?}");
        }
        assert_eq!([First, Second, Tie].map(|preference| outcome(preference, None)), ["win", "loss", "tie"]);
    }
}
