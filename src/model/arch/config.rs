//! Reads fields of `config.json`, every one checked, with errors that name the field.

use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// The fields of a `config.json`.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a Map<String, Json>);

/// Sizes beyond this are a damaged file rather than a network.
const LARGEST: u64 = 1 << 24;

impl<'a> Fields<'a> {
    /// A field that is there and not null.
    pub fn get(self, name: &str) -> Option<&'a Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A size: an integer from 1 to 2^24.
    pub fn size(self, name: &str) -> Result<usize, Failure> {
        let value = self.get(name).ok_or_else(|| Failure::input(format!("field `{name}` is missing")))?;
        match value.as_u64() {
            Some(size @ 1..=LARGEST) => Ok(size as usize),
            _ => {
                Err(Failure::input(format!("field `{name}` is not an integer from 1 to {LARGEST}: {value}")))
            }
        }
    }

    /// A size with a default.
    pub fn size_or(self, name: &str, default: usize) -> Result<usize, Failure> {
        if self.get(name).is_some() { self.size(name) } else { Ok(default) }
    }

    /// A positive finite number with a default.
    pub fn positive_or(self, name: &str, default: f64) -> Result<f64, Failure> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|number| number.is_finite() && *number > 0.0)
                .ok_or_else(|| Failure::input(format!("field `{name}` is not a positive number: {value}"))),
        }
    }

    /// A truth value with a default.
    pub fn flag_or(self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| Failure::input(format!("field `{name}` is neither true nor false: {value}"))),
        }
    }

    /// A text, if the field is there.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| Failure::input(format!("field `{name}` is not a text: {value}"))),
        }
    }

    /// A table inside, if the field is there.
    pub fn table(self, name: &str) -> Result<Option<Fields<'a>>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_object()
                .map(|fields| Some(Fields(fields)))
                .ok_or_else(|| Failure::input(format!("field `{name}` is not an object: {value}"))),
        }
    }

    /// Refuses a field that is set to something that is not supported.
    pub fn only_false(self, name: &str) -> Result<(), Failure> {
        if self.flag_or(name, false)? {
            return Err(Failure::input(format!("field `{name}` is true, which is not supported")));
        }
        Ok(())
    }
}
