//! Picks questions by the part of the data they belong to.

use std::collections::BTreeSet;

use crate::{artifact::row::question::Question, failure::Failure};

/// The questions of the named splits, in their order; all of them if none is named. At least one.
pub(super) fn of_splits<'q>(
    questions: &'q [Question],
    splits: &[String],
) -> Result<Vec<&'q Question>, Failure> {
    let known: BTreeSet<&str> = questions.iter().map(|question| question.split.as_str()).collect();
    if let Some(unknown) = splits.iter().find(|split| !known.contains(split.as_str())) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(Failure::input(format!("no question belongs to split `{unknown}`"))
            .hint(format!("splits of the questions: {}", known.join(", "))));
    }
    let chosen: Vec<&Question> =
        questions.iter().filter(|question| splits.is_empty() || splits.contains(&question.split)).collect();
    if chosen.is_empty() {
        return Err(Failure::input("`questions` holds no rows: there is nothing to ask"));
    }
    Ok(chosen)
}
