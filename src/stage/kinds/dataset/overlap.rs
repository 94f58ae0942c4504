//! Finds questions that are in another set too, by their text.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{
    drops::Drops,
    parallel::Parallel,
    spec::{DatasetSpec, Policy},
};
use crate::{artifact::row::question::Question, failure::Failure};

/// Fails over, or leaves out, questions whose text is among those of `others` in the same language.
pub(super) fn check(
    by_id: &mut IndexMap<String, Parallel>,
    others: &[Question],
    spec: &DatasetSpec,
    drops: &mut Drops,
) -> Result<(), Failure> {
    let known: BTreeSet<(&str, String)> =
        others.iter().map(|other| (other.lang.as_str(), normalised(&other.question))).collect();
    let mut failure = None;
    by_id.retain(|id, parallel| {
        let again = parallel
            .iter()
            .find(|placed| known.contains(&(&placed.row.lang, normalised(&placed.row.question))));
        let Some(again) = again else { return true };
        let message = format!("question `{id}` is in `against` too, in `{}`", again.row.lang);
        if spec.overlap == Policy::Error && failure.is_none() {
            failure = Some(
                Failure::input(message)
                    .at(&again.place)
                    .hint("`overlap = \"drop\"` leaves out questions that both sets have"),
            );
        } else {
            drops.count("questions that are in `against` too", 1, || message);
        }
        false
    });
    failure.map_or(Ok(()), Err)
}

/// A text without case, punctuation and blanks.
fn normalised(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
