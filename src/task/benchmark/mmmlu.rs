//! MMMLU: columns Question, A, B, C, D, Answer, Subject.

use serde_json::json;

use super::{
    Cells, Source,
    cells::{letter, optional, row, text, within},
};
use crate::failure::Failure;

/// One question.
pub(super) fn read(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let mut choices = Vec::new();
    for name in ["A", "B", "C", "D"] {
        choices.push(text(source.cells, name)?.trim().to_owned());
    }
    let key = text(source.cells, "Answer")?;
    let answer = letter(&key).ok_or_else(|| Failure::input(format!("`Answer` names no option: `{key}`")))?;
    within(answer, choices.len())?;
    rows.push(row([
        ("question", json!(text(source.cells, "Question")?.trim())),
        ("choices", json!(choices)),
        ("answer", json!(answer)),
        ("group", json!(optional(source.cells, "Subject")?)),
    ]));
    Ok(())
}
