//! Cuts code into tokens: words, numbers, strings, operators. Comments are left out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How comments are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "CodeDialect")]
pub enum Dialect {
    /// C-like if some line ends in `;`, `{` or `}`, else Python-like.
    #[default]
    Auto,
    /// `# ...`, and strings in three quotes that stand by themselves.
    Python,
    /// `// ...` and `/* ... */`.
    C,
}

/// Operators of more than one character, longest first.
const OPERATORS: [&str; 33] = [
    "<<=", ">>=", "**=", "//=", "===", "!==", "...", "->", "=>", "==", "!=", "<=", ">=", "+=", "-=", "*=",
    "/=", "%=", "&&", "||", "++", "--", "<<", ">>", "**", "//", "::", ":=", "|=", "&=", "^=", "??", "?.",
];

/// The tokens of `code`. A string that is never closed goes on to the end.
pub(super) fn tokens(code: &str, dialect: Dialect) -> Vec<String> {
    let ends_c_like = |line: &str| line.trim_end().ends_with([';', '{', '}']);
    let c_like = match dialect {
        Dialect::Auto => code.lines().any(ends_c_like),
        Dialect::Python => false,
        Dialect::C => true,
    };
    let characters: Vec<char> = code.chars().collect();
    let mut cut = Cut { characters: &characters, place: 0, c_like, line_begins: true };
    let mut tokens = Vec::new();
    while cut.place < characters.len() {
        tokens.extend(cut.next());
    }
    tokens
}

struct Cut<'c> {
    characters: &'c [char],
    place: usize,
    c_like: bool,
    /// Whether only blanks stand before this place on its line.
    line_begins: bool,
}

impl Cut<'_> {
    /// The next token; `None` for blanks and comments.
    fn next(&mut self) -> Option<String> {
        let first = self.characters[self.place];
        if first.is_whitespace() {
            self.line_begins |= first == '\n';
            self.place += 1;
            return None;
        }
        if self.skip_comment() {
            return None;
        }
        let begins = std::mem::replace(&mut self.line_begins, false);
        if matches!(first, '"' | '\'' | '`') {
            let triple = self.ahead(&format!("{first}{first}{first}"));
            let text = self.string(first, triple);
            let alone = triple && begins && !self.c_like;
            return (!alone).then_some(text);
        }
        if first.is_alphanumeric() || first == '_' {
            let number = first.is_ascii_digit();
            let word = self.characters[self.place..].iter();
            let length = word
                .take_while(|own| own.is_alphanumeric() || **own == '_' || (number && **own == '.'))
                .count();
            return Some(self.take(length));
        }
        let length =
            OPERATORS.iter().find(|known| self.ahead(known)).map_or(1, |known| known.chars().count());
        Some(self.take(length))
    }

    fn ahead(&self, text: &str) -> bool {
        let rest = &self.characters[self.place..];
        let mut length = 0;
        text.chars().all(|wanted| {
            length += 1;
            rest.get(length - 1) == Some(&wanted)
        })
    }

    fn take(&mut self, length: usize) -> String {
        let text = self.characters[self.place..self.place + length].iter().collect();
        self.place += length;
        text
    }

    fn skip_comment(&mut self) -> bool {
        let line = if self.c_like { "//" } else { "#" };
        if self.ahead(line) {
            while self.characters.get(self.place).is_some_and(|own| *own != '\n') {
                self.place += 1;
            }
            return true;
        }
        if !self.c_like || !self.ahead("/*") {
            return false;
        }
        self.place += 2;
        while self.place < self.characters.len() && !self.ahead("*/") {
            self.place += 1;
        }
        self.place = (self.place + 2).min(self.characters.len());
        true
    }

    /// A string from its opening quote to its closing one; a backslash hides the next character.
    fn string(&mut self, quote: char, triple: bool) -> String {
        let mark: String = std::iter::repeat_n(quote, if triple { 3 } else { 1 }).collect();
        let mut text = self.take(mark.chars().count());
        while self.place < self.characters.len() {
            if self.ahead(&mark) {
                text += &self.take(mark.chars().count());
                return text;
            }
            let hides = self.characters[self.place] == '\\' && self.place + 1 < self.characters.len();
            text += &self.take(if hides { 2 } else { 1 });
        }
        text
    }
}
