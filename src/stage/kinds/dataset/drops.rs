//! Counts what is left out, and why.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::failure::Failure;

/// What was left out so far.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// Reason -> how many, and the first of them.
    reasons: IndexMap<&'static str, (usize, String)>,
    /// Ids of records that could not be read: their questions go in every language.
    pub(super) unreadable_ids: BTreeSet<String>,
}

impl Drops {
    /// A record that cannot be read.
    pub(super) fn unreadable(&mut self, id: String, place: &str, failure: &Failure) {
        self.unreadable_ids.insert(id);
        self.count("records that cannot be read", 1, || format!("{place}: {failure}"));
    }

    /// `count` more for `reason`, a plural noun; `first` describes the first.
    pub(super) fn count(&mut self, reason: &'static str, count: usize, first: impl FnOnce() -> String) {
        if count > 0 {
            self.reasons.entry(reason).or_insert_with(|| (0, first())).0 += count;
        }
    }

    /// One line per reason.
    pub(super) fn notes(&self) -> Vec<String> {
        let line = |(reason, (count, first)): (&&str, &(usize, String))| {
            format!("dropped {count} {reason}; the first: {first}")
        };
        self.reasons.iter().map(line).collect()
    }
}
