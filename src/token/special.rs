//! Which tokens begin, end and fill texts, and where a tokenizer folder says so.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{
    checkpoint::{config, folder::ModelFiles},
    failure::Failure,
};

/// The tokens with a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// The token that begins a text, if there is one.
    pub begin: Option<u32>,
    /// [`Self::begin`], if the tokenizer itself puts it before texts.
    pub prefix: Option<u32>,
    /// The tokens that end a text; the first is the one to train on. Generation stops at any.
    pub ends: Vec<u32>,
    /// The token that fills rows up, if there is one.
    pub pad: Option<u32>,
    /// The token that stands for what the vocabulary does not have, if there is one.
    pub unknown: Option<u32>,
    /// Further tokens with a meaning of the model's own, such as those that begin and end turns.
    pub additional: Vec<u32>,
}

impl Special {
    /// The token that ends a text in training.
    pub fn end(&self) -> Option<u32> {
        self.ends.first().copied()
    }

    /// Looks into `tokenizer_config.json`, `config.json` and `generation_config.json`, in this order.
    pub(super) fn find(tokenizer: &tokenizers::Tokenizer, files: &ModelFiles) -> Result<Self, Failure> {
        let read = |name: &str| files.get(name).map_or_else(|| Ok(Map::new()), config::read);
        let (own, map) = (read("tokenizer_config.json")?, read("special_tokens_map.json")?);
        let models = [read("config.json")?, read("generation_config.json")?];
        let named = |field: &str| -> Result<Option<u32>, Failure> {
            let Some(spelling) = spelling(&own, field).or_else(|| spelling(&map, field)) else {
                return Ok(None);
            };
            let unknown =
                || Failure::input(format!("`{field}` is not in the tokenizer's vocabulary: `{spelling}`"));
            tokenizer.token_to_id(spelling).ok_or_else(unknown).map(Some)
        };
        let numbered = |field: &str| -> Result<Vec<u32>, Failure> {
            let ids = models.iter().map(|fields| config::token_ids(fields, field));
            Ok(ids.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let mut ends: Vec<u32> = Vec::new();
        for end in named("eos_token")?.into_iter().chain(numbered("eos_token_id")?) {
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        let begin = named("bos_token")?.or(numbered("bos_token_id")?.first().copied());
        let pad = named("pad_token")?.or(numbered("pad_token_id")?.first().copied());
        let prefix = begin.filter(|begin| puts_first(tokenizer, *begin));
        let unknown = named("unk_token")?;
        // A name that the vocabulary does not have is no token of this model; many configurations carry such leftovers.
        let further = additional(&own).chain(additional(&map));
        let mut ids: Vec<u32> = further.filter_map(|spelling| tokenizer.token_to_id(spelling)).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self { begin, prefix, ends, pad, unknown, additional: ids })
    }
}

/// The special tokens that a tokenizer's files name, by name (`bos_token`, `eos_token`, ...): what chat templates are given.
pub(super) fn spellings(files: &ModelFiles) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    for file in ["tokenizer_config.json", "special_tokens_map.json"] {
        let fields = files.get(file).map_or_else(|| Ok(Map::new()), config::read)?;
        for name in fields.keys().filter(|name| name.ends_with("_token")) {
            if let Some(token) = spelling(&fields, name) {
                found.entry(name.clone()).or_insert_with(|| token.to_owned());
            }
        }
    }
    Ok(found)
}

/// The spellings of further special tokens, under the names of old and new transformers.
fn additional(fields: &Map<String, Json>) -> impl Iterator<Item = &str> {
    let lists = ["additional_special_tokens", "extra_special_tokens"];
    let lists = lists.into_iter().filter_map(|name| fields.get(name)?.as_array());
    lists.flatten().filter_map(spelling_of)
}

/// Whether the tokenizer's own post-processing puts `begin` before a text.
fn puts_first(tokenizer: &tokenizers::Tokenizer, begin: u32) -> bool {
    tokenizer.encode_fast("a", true).is_ok_and(|encoding| encoding.get_ids().first() == Some(&begin))
}

/// A special token's spelling: a string, or an object with the string in `content`.
fn spelling<'f>(fields: &'f Map<String, Json>, name: &str) -> Option<&'f str> {
    spelling_of(fields.get(name)?)
}

fn spelling_of(token: &Json) -> Option<&str> {
    match token {
        Json::String(text) => Some(text),
        Json::Object(token) => token.get("content")?.as_str(),
        _ => None,
    }
}
