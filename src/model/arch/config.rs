//! Reads fields of `config.json`, every one checked, with errors that name the field.
//!
//! A field that nobody asked for may change what the network computes, so [`Fields::finish`] refuses it, unless it is
//! one of those that are known not to ([`NEUTRAL`]).

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// The fields of a `config.json`, or of an object in it, and which of them were asked for.
#[derive(Debug)]
pub struct Fields<'a> {
    map: &'a Map<String, Json>,
    /// What stands before a field's name in messages: empty, or the names of the objects around with a dot.
    place: String,
    asked: RefCell<BTreeSet<String>>,
}

/// Sizes beyond this are a damaged file rather than a network.
const LARGEST: usize = 1 << 24;

/// Fields that do not change what a network computes: who made the file, how Python holds the model, what a tokenizer or
/// a generation loop takes from it, how a training begins, and noise in training that chorale does not add.
pub const NEUTRAL: &[&str] = &[
    "_attn_implementation_autoset",
    "_name_or_path",
    "_sliding_window_pattern",
    "architectures",
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_implementation",
    "bos_token_id",
    "cache_implementation",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "dtype",
    "embd_pdrop",
    "eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout_prob",
    "id2label",
    "initializer_range",
    "label2id",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "pretraining_tp",
    "resid_pdrop",
    "return_dict",
    "task_specific_params",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "unk_token_id",
    "use_cache",
];

impl<'a> Fields<'a> {
    /// The fields of `map`, none asked for yet.
    pub fn new(map: &'a Map<String, Json>) -> Self {
        Self { map, place: String::new(), asked: RefCell::default() }
    }

    /// A field that is there and not null.
    pub fn get(&self, name: &str) -> Option<&'a Json> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Refuses fields that are set, that nobody asked for, and that are not in [`NEUTRAL`].
    pub fn finish(&self) -> Result<(), Failure> {
        let asked = self.asked.borrow();
        let unknown = self.map.iter().find(|(name, value)| {
            !value.is_null() && !asked.contains(*name) && !NEUTRAL.contains(&name.as_str())
        });
        match unknown {
            None => Ok(()),
            Some((name, value)) => {
                let message = format!("field `{}{name}` is not supported: {}", self.place, brief(value));
                Err(Failure::input(message).hint(
                    "nothing is known of it, so it may change what the model computes; if it does not, remove it",
                ))
            }
        }
    }

    fn wrong(&self, name: &str, wanted: &str, value: &Json) -> Failure {
        Failure::input(format!("field `{}{name}` is not {wanted}: {}", self.place, brief(value)))
    }

    /// A size: an integer from 1 to 2^24.
    pub fn size(&self, name: &str) -> Result<usize, Failure> {
        self.size_up_to(name, LARGEST)
    }

    /// An integer from 1 to `most`.
    pub fn size_up_to(&self, name: &str, most: usize) -> Result<usize, Failure> {
        let missing = || Failure::input(format!("field `{}{name}` is missing", self.place));
        let value = self.get(name).ok_or_else(missing)?;
        match value.as_u64() {
            Some(size) if (1..=most as u64).contains(&size) => Ok(size as usize),
            _ => Err(self.wrong(name, &format!("an integer from 1 to {most}"), value)),
        }
    }

    /// A size, if the field is there.
    pub fn optional_size(&self, name: &str) -> Result<Option<usize>, Failure> {
        if self.get(name).is_some() { self.size(name).map(Some) } else { Ok(None) }
    }

    /// A size with a default.
    pub fn size_or(&self, name: &str, default: usize) -> Result<usize, Failure> {
        Ok(self.optional_size(name)?.unwrap_or(default))
    }

    /// An integer from 0 to 2^24 with a default.
    pub fn whole_or(&self, name: &str, default: usize) -> Result<usize, Failure> {
        let check = |value: &Json| {
            let number = value.as_u64().filter(|number| *number <= LARGEST as u64);
            number.ok_or_else(|| self.wrong(name, &format!("an integer from 0 to {LARGEST}"), value))
        };
        Ok(self.get(name).map(check).transpose()?.map_or(default, |number| number as usize))
    }

    /// A size that null switches off, with a default for where nothing is said.
    pub fn nullable_size_or(&self, name: &str, default: usize) -> Result<Option<usize>, Failure> {
        let found = self.optional_size(name)?;
        Ok(if self.map.contains_key(name) { found } else { Some(default) })
    }

    /// A positive finite number that null switches off, with a default for where nothing is said.
    pub fn nullable_positive_or(&self, name: &str, default: Option<f64>) -> Result<Option<f64>, Failure> {
        let found = self.positive(name)?;
        Ok(if self.map.contains_key(name) { found } else { default })
    }

    /// A positive finite number, if the field is there.
    pub fn positive(&self, name: &str) -> Result<Option<f64>, Failure> {
        let check = |value: &Json| {
            let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
            number.ok_or_else(|| self.wrong(name, "a positive number", value))
        };
        self.get(name).map(check).transpose()
    }

    /// A positive finite number with a default.
    pub fn positive_or(&self, name: &str, default: f64) -> Result<f64, Failure> {
        Ok(self.positive(name)?.unwrap_or(default))
    }

    /// A truth value with a default.
    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool, Failure> {
        let check = |value: &Json| value.as_bool().ok_or_else(|| self.wrong(name, "true or false", value));
        self.get(name).map_or(Ok(default), check)
    }

    /// A text, if the field is there.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        let check = |value: &'a Json| value.as_str().ok_or_else(|| self.wrong(name, "a text", value));
        self.get(name).map(check).transpose()
    }

    /// A list of texts, if the field is there.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Failure> {
        let check = |value: &'a Json| {
            let items = value.as_array().map(|items| items.iter().map(Json::as_str).collect());
            items.flatten().ok_or_else(|| self.wrong(name, "a list of texts", value))
        };
        self.get(name).map(check).transpose()
    }

    /// An object inside, if the field is there. Its own [`Self::finish`] is the caller's.
    pub fn table(&self, name: &str) -> Result<Option<Fields<'a>>, Failure> {
        let check = |value: &'a Json| {
            let map = value.as_object().ok_or_else(|| self.wrong(name, "an object", value))?;
            Ok(Fields { map, place: format!("{}{name}.", self.place), asked: RefCell::default() })
        };
        self.get(name).map(check).transpose()
    }

    /// Refuses a field that is there with another value than `supported`.
    pub fn only(&self, name: &str, supported: &Json) -> Result<(), Failure> {
        match self.get(name) {
            Some(value) if !same(value, supported) => {
                let message =
                    format!("field `{}{name}` is {}, which is not supported", self.place, brief(value));
                Err(Failure::input(message).hint(format!("only {supported} is")))
            }
            _ => Ok(()),
        }
    }
}

/// Equality in which 1 is 1.0.
fn same(a: &Json, b: &Json) -> bool {
    a == b || a.as_f64().is_some_and(|number| b.as_f64() == Some(number))
}

/// A value as it stands in the file, cut if it is long.
fn brief(value: &Json) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        text
    } else {
        text.chars().take(LONGEST).chain("...".chars()).collect()
    }
}
