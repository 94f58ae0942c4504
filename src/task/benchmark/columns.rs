//! Data sets whose records are rows already, but for the names of their columns.

use serde_json::json;

use super::{
    Cells, Source,
    cells::{optional, python_list, row, text},
};
use crate::{failure::Failure, task::language::LangCode};

/// MGSM: problem and answer. The answer is the only candidate, without thousands separators.
pub(super) fn mgsm(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let answer = text(source.cells, "2")?.trim().replace(',', "");
    if answer.parse::<f64>().is_err() {
        return Err(Failure::input(format!("the answer is not a number: `{answer}`")));
    }
    rows.push(row([
        ("question", json!(text(source.cells, "1")?)),
        ("choices", json!([answer])),
        ("answer", json!(0)),
    ]));
    Ok(())
}

/// MultiJail: one record is one prompt in all languages; every column that is a language code is a language.
pub(super) fn multijail(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let id = text(source.cells, "id")?.into_owned();
    let tags = python_list(&text(source.cells, "tags")?)?.join("; ");
    let known = rows.len();
    for (column, cell) in source.cells {
        if ["id", "source", "tags"].contains(&column.as_str()) {
            continue;
        }
        let lang: LangCode =
            column.parse().map_err(|_| Failure::input(format!("column `{column}` is no language code")))?;
        let prompt = cell.as_str().unwrap_or_default().trim();
        if prompt.is_empty() {
            return Err(Failure::input(format!("prompt `{id}` is empty in `{lang}`")));
        }
        rows.push(row([
            ("id", json!(id)),
            ("lang", json!(lang.as_str())),
            ("question", json!(prompt)),
            ("group", json!(tags)),
        ]));
    }
    if rows.len() == known {
        return Err(Failure::input("no column is a language code"));
    }
    Ok(())
}

/// XSafety: one prompt per record; English files are called `CATEGORY_n`.
pub(super) fn xsafety(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let category = source.group.strip_suffix("_n").unwrap_or(source.group);
    let prompt = text(source.cells, "1")?;
    if prompt.trim().is_empty() {
        return Err(Failure::input("the prompt is empty"));
    }
    rows.push(row([
        ("id", json!(format!("{category}/{}", source.number))),
        ("question", json!(prompt.trim())),
        ("group", json!(category)),
    ]));
    Ok(())
}

/// Vicuna's questions: `question_id`, `text`, `category`.
pub(super) fn vicuna(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    rows.push(row([
        ("id", json!(text(source.cells, "question_id")?)),
        ("question", json!(text(source.cells, "text")?)),
        ("group", json!(optional(source.cells, "category")?)),
    ]));
    Ok(())
}

/// A line of parallel text. Lines of one number and one pair of languages belong together.
pub(super) fn line(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let number = source.number;
    let id = if source.group.is_empty() { number.to_string() } else { format!("{}/{number}", source.group) };
    rows.push(row([("id", json!(id)), ("text", json!(text(source.cells, "1")?))]));
    Ok(())
}

/// A sentence with an id: `sent_id`, `text`.
pub(super) fn sentence(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    rows.push(row([
        ("id", json!(text(source.cells, "sent_id")?)),
        ("text", json!(text(source.cells, "text")?)),
    ]));
    Ok(())
}
