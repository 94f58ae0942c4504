//! Compares pieces of code by what they do rather than by how they are named (CM-Align, methods 2.3): [`normalise`] takes out
//! comments, names and layout, [`Similarity`] compares what is left.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod similarity;
mod tokens;

pub use similarity::Similarity;
pub use tokens::Dialect;

/// The words of languages that keep their meaning whatever a program is about, of Python-like and C-like languages together.
const KEYWORDS: &str = "False None True and as assert async await break class continue def del elif else except finally \
    for from global if import in is lambda nonlocal not or pass raise return try while with yield match case self cls \
    auto bool byte catch char const default do double enum export extends extern false final float fn foreach func \
    function goto impl implements inline instanceof int interface let long mut namespace new null nullptr package private \
    protected public register short signed sizeof static string struct super switch this throw throws true typedef \
    typename union unsigned use using var virtual void volatile";

/// Words after which a function or type is defined, so that its name is the program's own.
const DEFINERS: &str = "def class function fn func void int float double char long short bool string auto static public \
    private struct enum interface";

/// The tokens of code without comments and layout, its own names replaced by `v0`, `v1`, ... in the order they appear.
///
/// Replaced are names of variables, parameters, and of functions and types that the code defines. Kept are keywords, names after a
/// point (`.append`), names that are called but not defined (`print(`), numbers, strings and operators. Documentation strings of
/// Python go with the comments. Indentation is layout: moving a line out of a loop in Python changes nothing here.
pub fn normalise(code: &str, dialect: Dialect) -> Vec<String> {
    let tokens = tokens::tokens(code, dialect);
    let is_word =
        |token: &str| token.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let among = |list: &str, token: &str| list.split_whitespace().any(|word| word == token);
    let before = |place: usize| place.checked_sub(1).and_then(|place| tokens.get(place)).map(String::as_str);
    let after = |place: usize| tokens.get(place + 1).map(String::as_str);
    let mut own: BTreeMap<&str, usize> = BTreeMap::new();
    // Names that the code itself defines may be called before; so they are collected first.
    let defined: Vec<&str> = (0..tokens.len())
        .filter(|place| before(*place).is_some_and(|definer| among(DEFINERS, definer)))
        .map(|place| tokens[place].as_str())
        .collect();
    let mut normal = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let foreign =
            before(place) == Some(".") || (after(place) == Some("(") && !defined.contains(&token.as_str()));
        if !is_word(token) || among(KEYWORDS, token) || foreign {
            normal.push(token.clone());
            continue;
        }
        let next = own.len();
        normal.push(format!("v{}", own.entry(token).or_insert(next)));
    }
    normal
}

/// How similar two pieces of code are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "CodeSimilarity")]
pub enum Measure {
    /// 1 less the edit distance of the tokens over the number of tokens of the longer one.
    #[default]
    TokenEdit,
    /// The same over characters of the tokens joined by blanks.
    CharEdit,
    /// BLEU-4 of the tokens, 1 added to matches and totals from bigrams on.
    Bleu,
    /// 1 if the tokens are the same, else 0.
    Exact,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_differs_in_names_comments_and_layout_alone_is_the_same() {
        let one = "def total(xs):\n    \"\"\"Adds up.\"\"\"\n    s = 0  # sum\n    for x in xs:\n        s += x\n    return s\n";
        let two = "def add(values):\n  acc=0\n  for value in values:\n    acc  +=  value\n  return acc";
        assert_eq!(normalise(one, Dialect::Auto), normalise(two, Dialect::Auto));
        assert_eq!(normalise("x = len(y)", Dialect::Auto), ["v0", "=", "len", "(", "v1", ")"]);
        assert_eq!(normalise("x.append(f(x))", Dialect::Auto).join(" "), "v0 . append ( f ( v0 ) )");
    }

    #[test]
    fn c_like_code_has_its_own_comments() {
        let one = "int sum(int a, int b) { // adds\n  /* both\n  of them */ return a + b;\n}";
        let two = "int plus(int left, int right) {\n  return left + right;\n}";
        assert_eq!(normalise(one, Dialect::Auto), normalise(two, Dialect::Auto));
        let division = "q = a // b";
        assert_eq!(normalise(division, Dialect::Auto).join(" "), "v0 = v1 // v2", "no comment in Python");
        assert_eq!(normalise("s = \"# no comment\"", Dialect::Auto), ["v0", "=", "\"# no comment\""]);
    }

    #[test]
    fn different_code_stays_different() {
        let one = normalise("x = a + b", Dialect::Auto);
        let two = normalise("x = a - b", Dialect::Auto);
        assert!(Similarity::of(Measure::Exact, &one, &two).abs() < 1e-12);
        // 1 of 5 tokens is another.
        assert!((Similarity::of(Measure::TokenEdit, &one, &two) - 0.8).abs() < 1e-12);
        assert_eq!(normalise("x = a + a", Dialect::Auto).join(" "), "v0 = v1 + v1");
    }
}
