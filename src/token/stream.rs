//! Decodes a growing list of tokens piece by piece, never showing half a character.

use super::Tokenizer;

/// Gives the text of tokens as they come. What it gave is never taken back.
#[derive(Clone, Debug)]
pub struct Stream<'t> {
    tokenizer: &'t Tokenizer,
    /// Tokens whose text is needed to decode the next ones: those of the last piece, and the undecided ones.
    window: Vec<u32>,
    /// How many tokens of the window have been given out.
    settled: usize,
}

impl<'t> Stream<'t> {
    pub(super) fn new(tokenizer: &'t Tokenizer) -> Self {
        Self { tokenizer, window: Vec::new(), settled: 0 }
    }

    /// Takes one more token and returns the text that is now certain; empty while a character is incomplete.
    pub fn push(&mut self, id: u32) -> String {
        self.window.push(id);
        let text = self.new_text();
        // Bytes of an incomplete character decode to U+FFFD; wait for the rest, but not for ever.
        let undecided = self.window.len() - self.settled;
        if text.is_empty() || (text.ends_with('\u{fffd}') && undecided < LONGEST_CHARACTER) {
            return String::new();
        }
        self.settle();
        text
    }

    /// The text of what is still undecided, with U+FFFD for incomplete characters.
    pub fn finish(&mut self) -> String {
        let text = self.new_text();
        self.settle();
        text
    }

    fn new_text(&self) -> String {
        let settled = self.window.get(..self.settled).unwrap_or_default();
        let before = self.tokenizer.decode(settled);
        let whole = self.tokenizer.decode(&self.window);
        whole.strip_prefix(before.as_str()).unwrap_or(&whole).to_owned()
    }

    fn settle(&mut self) {
        self.window.drain(..self.settled);
        self.settled = self.window.len();
    }
}

/// A character has at most four bytes, and a token at least one. One more, because a valid U+FFFD may stand in a text.
const LONGEST_CHARACTER: usize = 5;
