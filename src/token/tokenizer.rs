//! The tokenizer of a model or tokenizer folder.

use std::path::Path;

use rayon::prelude::*;

use super::{Special, Stream};
use crate::{
    checkpoint::folder::ModelFiles,
    failure::{Cause, Failure},
};

/// The file with the vocabulary and rules.
pub const TOKENIZER: &str = "tokenizer.json";

/// The files of a tokenizer folder; only the first must be there.
pub const FILES: [&str; 5] = [
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
];

/// Turns text into tokens and back. Cheap to share between threads.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    special: Special,
}

impl Tokenizer {
    /// Opens the tokenizer of a model or tokenizer folder.
    pub fn open(files: &ModelFiles) -> Result<Self, Failure> {
        let path = files.need(TOKENIZER)?;
        let mut inner = read(path)?;
        // A tokenizer.json may carry padding and truncation of the program that wrote it; nothing is cut or filled here.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| broken(path, &*error))?;
        let special = Special::find(&inner, files)?;
        Ok(Self { inner, special })
    }

    /// The tokens with a meaning.
    pub fn special(&self) -> &Special {
        &self.special
    }

    /// Number of entries of the vocabulary, special tokens included: one more than the largest token id.
    pub fn vocabulary_size(&self) -> usize {
        let vocabulary = self.inner.get_vocab(true);
        vocabulary.into_values().max().map_or(0, |id| id as usize + 1)
    }

    /// The tokens of a text and nothing else. Special tokens written out in the text become themselves.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let encoding = self.inner.encode_fast(text, false);
        encoding.map(|encoding| encoding.get_ids().to_vec()).map_err(|error| {
            let start: String = text.chars().take(40).collect();
            Failure::input(format!("the tokenizer cannot take the text beginning `{start}`: {error}"))
        })
    }

    /// The tokens of a text with the special tokens that the tokenizer puts around a single text, `longest` tokens at most:
    /// the end of the text is what is cut.
    pub fn encode_single(&self, text: &str, longest: usize) -> Result<Vec<u32>, Failure> {
        let plain = self.encode(text)?;
        let whole = self.inner.encode_fast(text, true).map(|encoding| encoding.get_ids().to_vec());
        let whole =
            whole.map_err(|error| Failure::input(format!("the tokenizer cannot take a text: {error}")))?;
        let added = whole.len().saturating_sub(plain.len());
        if whole.len() <= longest {
            return Ok(whole);
        }
        let room = longest.checked_sub(added).filter(|room| *room > 0).ok_or_else(|| {
            Failure::input(format!("{longest} tokens leave no room for text beside {added} special tokens"))
        })?;
        let before = (0..=added).find(|before| whole[*before..].starts_with(&plain)).unwrap_or(0);
        Ok([&whole[..before], &plain[..room], &whole[before + plain.len()..]].concat())
    }

    /// The tokens of many texts, on all cores.
    pub fn encode_all<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Vec<u32>>, Failure> {
        texts.par_iter().map(|text| self.encode(text.as_ref())).collect()
    }

    /// The tokens of a text that a model begins with: the begin token, if the tokenizer puts one there, and the text.
    /// Never empty if the tokenizer has a begin or end token.
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let mut ids = self.encode(text)?;
        if let Some(begin) = self.special.prefix.filter(|begin| ids.first() != Some(begin)) {
            ids.insert(0, begin);
        }
        if ids.is_empty() {
            ids.extend(self.special.begin.or_else(|| self.special.ends.first().copied()));
        }
        Ok(ids)
    }

    /// The text of tokens, special tokens left out. Bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.text(ids, true)
    }

    /// The text of tokens, special tokens written out.
    pub fn decode_all(&self, ids: &[u32]) -> String {
        self.text(ids, false)
    }

    fn text(&self, ids: &[u32], skip_special: bool) -> String {
        // Decoding fails only for tokenizers without a decoder that have broken post-processing; ids that are not in the
        // vocabulary are left out.
        self.inner.decode(ids, skip_special).unwrap_or_default()
    }

    /// Decodes tokens one after another.
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }

    /// The spelling of a token in the vocabulary.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a token by its spelling in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

fn read(path: &Path) -> Result<tokenizers::Tokenizer, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
    tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| broken(path, &*error))
}

fn broken(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::input(format!("`{}` is not a tokenizer: {error}", path.display()))
}
