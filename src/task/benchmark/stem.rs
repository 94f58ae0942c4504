//! Questions as ARC, EXAMS and X-CSR write them: `question: {stem, choices: [{label, text}]}`, `answerKey`.

use serde_json::{Value, json};

use super::{
    Cells, Source,
    cells::{self, missing, row},
    options,
};
use crate::{failure::Failure, task::language::LangCode};

/// X-CSQA in either of its two writings.
pub(super) fn or_options(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    if source.cells.contains_key("input") { options::read(source, rows) } else { read(source, rows) }
}

/// One question. The language is that of the file, else `lang` or `info.language`.
pub(super) fn read(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let question = source.cells.get("question").ok_or_else(|| missing(source.cells, "question"))?;
    let stem = question["stem"].as_str().ok_or_else(|| Failure::input("`question.stem` is not a text"))?;
    let options =
        question["choices"].as_array().ok_or_else(|| Failure::input("`question.choices` is not a list"))?;
    let (mut labels, mut choices) = (Vec::new(), Vec::new());
    for option in options {
        let text = option["text"].as_str().ok_or_else(|| Failure::input("an option has no `text`"))?;
        labels.push(option["label"].as_str().unwrap_or_default());
        choices.push(text.trim());
    }
    let key = cells::optional(source.cells, "answerKey")?;
    let mut cells = row([("question", json!(stem.trim())), ("choices", json!(choices))]);
    if !key.is_empty() {
        let mut named = (0..labels.len()).filter(|index| labels[*index] == key);
        let answer = named.next().ok_or_else(|| {
            Failure::input(format!(
                "`answerKey` is `{key}`, which no option has (labels: {})",
                labels.join(", ")
            ))
        })?;
        if named.next().is_some() {
            return Err(Failure::input(format!("two options are labelled `{key}`, the right answer")));
        }
        cells.insert("answer".to_owned(), json!(answer));
    }
    if let Some(id) = source.cells.get("id") {
        cells.insert("id".to_owned(), id.clone());
    }
    let info = source.cells.get("info").unwrap_or(&Value::Null);
    if let Some(subject) = info["subject"].as_str() {
        cells.insert("group".to_owned(), json!(subject));
    }
    let named = info["language"].as_str().or_else(|| source.cells.get("lang").and_then(Value::as_str));
    if let (None, Some(name)) = (source.lang, named) {
        let lang = LangCode::named(name).map_err(|error| Failure::input(error.to_string()))?;
        cells.insert("lang".to_owned(), json!(lang.as_str()));
    }
    rows.push(cells);
    Ok(())
}
