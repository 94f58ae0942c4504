//! LLaMA-Factory's alpaca layout (`instruction`, `input`, `output`), its preference rows, and CALM's samples.

use serde_json::{Value, json};

use super::{
    Cells, Source,
    cells::{missing, optional, row, text},
    options::join,
};
use crate::failure::Failure;

fn prompt(cells: &Cells) -> Result<String, Failure> {
    Ok(join(&optional(cells, "instruction")?, &optional(cells, "input")?))
}

/// A preference pair.
pub(super) fn preferences(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let cells = source.cells;
    rows.push(row([
        ("prompt", json!(prompt(cells)?)),
        ("chosen", json!(text(cells, "chosen")?)),
        ("rejected", json!(text(cells, "rejected")?)),
    ]));
    Ok(())
}

/// A text to imitate.
pub(super) fn targets(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let cells = source.cells;
    rows.push(row([("prompt", json!(prompt(cells)?)), ("completion", json!(text(cells, "output")?))]));
    Ok(())
}

/// One row per sampled answer in `pred`; `null` means that the question has none (methods 1.5).
pub(super) fn samples(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let prompt = prompt(source.cells)?;
    let sampled = match source.cells.get("pred") {
        Some(Value::Array(sampled)) => sampled.as_slice(),
        Some(Value::Null) => &[],
        Some(_) => return Err(Failure::input("`pred` is not a list")),
        None => return Err(missing(source.cells, "pred")),
    };
    for (index, sample) in sampled.iter().enumerate() {
        let text = sample.as_str().ok_or_else(|| Failure::input("`pred` holds something but texts"))?;
        rows.push(row([
            ("id", json!(source.number)),
            ("sample", json!(index)),
            ("prompt", json!(prompt)),
            ("completion", json!(text)),
        ]));
    }
    Ok(())
}
