//! The name of a piece of work: [`Key`], and the canonical encoding of values that goes into it.
//!
//! The encoding is injective: every value begins with a tag, every length is written before what it counts, keys of
//! maps are sorted here (whether `serde_json` sorts them is a feature that any dependency could switch on), and floats
//! are encoded by their bits with -0 as 0. NaN and the infinities cannot occur in JSON values.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Digest, NotADigest};

/// The domain of the hash, so that no key can equal a digest of content or of anything else.
const DOMAIN: &str = "chorale stage key";

/// Names a piece of work by everything that can influence its bytes. Equal keys mean equal work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Key(Digest);

impl Key {
    /// All 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.hex()
    }

    /// The first ten hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

impl FromStr for Key {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse().map(Self)
    }
}

/// Collects what a key is made of.
#[derive(Debug)]
pub(super) struct KeyHasher(blake3::Hasher);

impl KeyHasher {
    pub(super) fn new() -> Self {
        Self(blake3::Hasher::new_derive_key(DOMAIN))
    }

    /// Takes in a text.
    pub(super) fn text(&mut self, text: &str) {
        self.tag(b's');
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    /// Takes in how many items follow.
    pub(super) fn count(&mut self, items: usize) {
        self.tag(b'n');
        self.length(items);
    }

    /// Takes in a value with all it holds.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.tag(b'0'),
            Value::Bool(false) => self.tag(b'F'),
            Value::Bool(true) => self.tag(b'T'),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.tag(b'[');
                self.length(items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(name, _)| *name);
                self.tag(b'{');
                self.length(entries.len());
                for (name, item) in entries {
                    self.text(name);
                    self.value(item);
                }
            }
        }
    }

    pub(super) fn finish(&self) -> Key {
        Key(Digest::from_hasher(&self.0))
    }

    fn number(&mut self, number: &serde_json::Number) {
        if let Some(integer) = number.as_i64() {
            self.tag(b'i');
            self.0.update(&integer.to_le_bytes());
        } else if let Some(integer) = number.as_u64() {
            self.tag(b'u');
            self.0.update(&integer.to_le_bytes());
        } else {
            // Adding 0 turns -0 into 0 and changes nothing else.
            let float = number.as_f64().unwrap_or_default() + 0.0;
            self.tag(b'f');
            self.0.update(&float.to_bits().to_le_bytes());
        }
    }

    fn tag(&mut self, tag: u8) {
        self.0.update(&[tag]);
    }

    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key(value: &Value) -> Key {
        let mut hasher = KeyHasher::new();
        hasher.value(value);
        hasher.finish()
    }

    #[test]
    fn values_that_look_alike_have_different_keys() {
        let values = [
            json!(null),
            json!(false),
            json!(0),
            json!(0.0),
            json!(""),
            json!("0"),
            json!([]),
            json!({}),
            json!([[]]),
            json!([[], []]),
            json!(["ab"]),
            json!(["a", "b"]),
            json!({"a": "b"}),
            json!([{"a": null}]),
            json!(u64::MAX),
            json!(-1),
            json!(1),
            json!(1.0),
            json!(1.000_000_000_000_000_2),
        ];
        let keys: std::collections::BTreeSet<Key> = values.iter().map(key).collect();
        assert_eq!(keys.len(), values.len());
    }

    #[test]
    fn the_sign_of_zero_and_the_order_of_maps_do_not_matter() {
        assert_eq!(key(&json!(-0.0)), key(&json!(0.0)));
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"x": 2, "y": 3}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b": {"y": 3, "x": 2}, "a": 1}"#).unwrap();
        assert_eq!(key(&one), key(&other));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-4_i32..4).prop_map(|n| Value::from(f64::from(n) / 2.0)),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]{0,2}", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_when_values_are(one in values(), other in values()) {
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }
    }
}
