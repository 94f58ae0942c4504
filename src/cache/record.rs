//! What is remembered about a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FORMAT, ingredients::Explanation, key::Key, object::Output};
use crate::{digest::Digest, failure::bug};

/// What is known about finished work: `keys/KIND/KEY.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`] of the store that wrote it.
    pub format: u32,
    /// The key.
    pub key: Key,
    /// The kind of the stage.
    pub kind: String,
    /// What it wrote, by port.
    pub outputs: BTreeMap<String, Output>,
    /// Wall time of the work.
    pub seconds: f64,
    /// What the user was told meanwhile.
    pub notes: Vec<String>,
    /// What the key was made of.
    pub explanation: Explanation,
    /// The digest of this record without its seal: a damaged record is not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<Digest>,
}

impl Record {
    /// A sealed record.
    pub fn new(key: Key, kind: String, outputs: BTreeMap<String, Output>, explanation: Explanation) -> Self {
        Self { format: FORMAT, key, kind, outputs, seconds: 0.0, notes: Vec::new(), explanation, seal: None }
    }

    /// The bytes of the record's file.
    pub(super) fn seal(mut self) -> Vec<u8> {
        self.seal = Some(self.unsealed_digest());
        let mut bytes = serde_json::to_vec_pretty(&self).unwrap_or_else(|error| bug(error));
        bytes.push(b'\n');
        bytes
    }

    /// Reads a record and believes it only if it is whole and about `key` of `kind`.
    pub(super) fn unseal(bytes: &[u8], kind: &str, key: Key) -> Result<Self, String> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("record cannot be read: {error}"))?;
        if record.seal != Some(record.unsealed_digest()) {
            return Err("record was changed".to_owned());
        }
        if record.key != key || record.kind != kind {
            return Err("record is about other work".to_owned());
        }
        Ok(record)
    }

    fn unsealed_digest(&self) -> Digest {
        let unsealed = Self { seal: None, ..self.clone() };
        Digest::of(&serde_json::to_vec(&unsealed).unwrap_or_else(|error| bug(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_believed_only_whole_and_in_its_place() {
        let key: Key = Digest::of(b"k").hex().parse().unwrap();
        let mut record = Record::new(key, "vote".into(), BTreeMap::new(), Explanation::default());
        record.seconds = 1.0 / 3.0;
        let bytes = record.clone().seal();
        let read = Record::unseal(&bytes, "vote", key).unwrap();
        assert_eq!((read.seconds, read.outputs), (record.seconds, record.outputs));

        let text = String::from_utf8(bytes.clone()).unwrap();
        let changed = text.replace("0.333", "0.334");
        assert_ne!(changed, text);
        assert!(Record::unseal(changed.as_bytes(), "vote", key).is_err());
        let half: Vec<u8> = bytes.iter().copied().take(bytes.len() / 2).collect();
        assert!(Record::unseal(&half, "vote", key).is_err());
        assert!(Record::unseal(&bytes, "pairs", key).is_err());
        assert!(Record::unseal(&bytes, "vote", Digest::of(b"l").hex().parse().unwrap()).is_err());
    }
}
