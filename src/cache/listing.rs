//! Lists and verifies all that a store holds.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use super::{atomic, key::Key, object::Output, record::Record, store::Store};
use crate::{artifact::Form, digest::Digest, failure::Failure};

/// Finished work, as `cache ls` lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The kind of the stage.
    pub kind: String,
    /// Its key.
    pub key: Key,
    /// What it wrote, by port.
    pub outputs: BTreeMap<String, Output>,
    /// Wall time of the work.
    pub seconds: f64,
    /// Recipes and stages whose last work this is, as `recipe:stage`.
    pub latest_of: Vec<String>,
}

/// What `cache verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Number of records.
    pub records: usize,
    /// Number of objects.
    pub objects: usize,
    /// Size of all objects.
    pub bytes: u64,
    /// Everything that is not as it should be.
    pub damage: Vec<Damage>,
}

/// A part of the store that is not as it should be. A run that needs it computes it again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damage {
    /// The file, relative to the store.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// A record's file, relative to the store, and what it holds or why it cannot be believed.
struct Filed {
    file: String,
    record: Result<Record, String>,
}

impl Store {
    /// All finished work, by kind and key. Records that cannot be read are left out (see [`Store::verify`]).
    pub fn list(&self) -> Result<Vec<Listed>, Failure> {
        let mut latest_of: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for path in atomic::entries(&self.root().join("latest"))? {
            let recipe = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            for (stage, pointer) in super::Latest::load(&path).stages {
                latest_of.entry(pointer.key).or_default().push(format!("{recipe}:{stage}"));
            }
        }
        let listed = self.records()?.into_iter().filter_map(|filed| filed.record.ok());
        Ok(listed
            .map(|record| Listed {
                latest_of: latest_of.remove(&record.key).unwrap_or_default(),
                kind: record.kind,
                key: record.key,
                outputs: record.outputs,
                seconds: record.seconds,
            })
            .collect())
    }

    /// Hashes every object and reads every record. Changes nothing.
    pub fn verify(&self) -> Result<Verification, Failure> {
        let records = self.records()?;
        let digests = self.objects().list()?;
        let relative = |digest: Digest| {
            let path = self.objects().path(digest);
            path.strip_prefix(self.root()).unwrap_or(&path).display().to_string()
        };
        let mut damage: BTreeSet<Damage> = digests
            .par_iter()
            .filter_map(|digest| self.objects().verify(None, *digest).err())
            .map(|unusable| Damage { file: relative(unusable.digest), what: unusable.what })
            .collect();
        let present: BTreeSet<Digest> = digests.iter().copied().collect();
        for Filed { file, record } in &records {
            match record {
                Err(what) => drop(damage.insert(Damage { file: file.clone(), what: what.clone() })),
                Ok(record) => {
                    let missing = self.needed(record).into_iter().filter(|digest| !present.contains(digest));
                    damage.extend(missing.map(|digest| Damage {
                        file: relative(digest),
                        what: format!("object {} is missing", digest.short()),
                    }));
                }
            }
        }
        let size =
            |digest: &Digest| std::fs::metadata(self.objects().path(*digest)).map_or(0, |file| file.len());
        Ok(Verification {
            records: records.len(),
            objects: digests.len(),
            bytes: digests.iter().map(size).sum(),
            damage: damage.into_iter().collect(),
        })
    }

    /// The objects a record names, directly or through a manifest that can be read.
    fn needed(&self, record: &Record) -> Vec<Digest> {
        let mut digests = Vec::new();
        for output in record.outputs.values() {
            digests.push(output.digest);
            if output.form == Form::Folder {
                let files = self.objects().manifest(output.digest).unwrap_or_default();
                digests.extend(files.values().map(|entry| entry.digest));
            }
        }
        digests
    }

    fn records(&self) -> Result<Vec<Filed>, Failure> {
        let mut records = Vec::new();
        for folder in atomic::entries(&self.root().join("keys"))? {
            let kind = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            for path in atomic::entries(&folder)? {
                let file = path.strip_prefix(self.root()).unwrap_or(&path).display().to_string();
                let key = path.file_stem().and_then(|stem| stem.to_str()).map(str::parse::<Key>);
                let record = match (key, std::fs::read(&path)) {
                    (Some(Ok(key)), Ok(bytes)) => Record::unseal(&bytes, &kind, key),
                    (_, Err(error)) => Err(format!("record cannot be read: {error}")),
                    _ => Err("not a record".to_owned()),
                };
                records.push(Filed { file, record });
            }
        }
        Ok(records)
    }
}
