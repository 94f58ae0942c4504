//! Records to rows: picks each field's value, checks its type, and finds duplicates.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    drops::Drops,
    record::Record,
    spec::{AnswerStyle, DatasetSpec, Policy},
};
use crate::{
    artifact::row::{completion::Completion, pair::Pair, question::Question, text::Text},
    failure::Failure,
    task::language::LangCode,
};

/// A row with the place it came from.
#[derive(Clone, Debug)]
pub(super) struct Placed<R> {
    pub(super) place: String,
    pub(super) row: R,
    /// The prompt as the data set words it.
    pub(super) published: Option<String>,
    /// Candidates of a cloze without the text after the slot.
    pub(super) bare: Vec<String>,
}

/// What no two rows of a file may share.
pub(super) trait Named {
    /// How messages call it.
    fn name(&self) -> String;
}

impl Named for Question {
    fn name(&self) -> String {
        format!("question `{}` in `{}`", self.id, self.lang)
    }
}

impl Named for Text {
    fn name(&self) -> String {
        format!("text `{}` in `{}`", self.id, self.lang)
    }
}

impl Named for Completion {
    fn name(&self) -> String {
        format!("completion {} of `{}` in `{}`", self.sample, self.id, self.lang)
    }
}

impl Named for Pair {
    fn name(&self) -> String {
        format!("pair `{}` in `{}`", self.id, self.lang)
    }
}

/// Converts all records; errors name the place, duplicates name both. What cannot be read is dropped where the policy
/// says so.
pub(super) fn all<R: Named>(
    records: &[Record],
    spec: &DatasetSpec,
    drops: &mut Drops,
    convert: fn(&Cells<'_>) -> Result<R, Failure>,
) -> Result<Vec<Placed<R>>, Failure> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        let cells = Cells { record, spec };
        let row = match convert(&cells) {
            Ok(row) => row,
            Err(failure) if spec.invalid_policy() == Policy::Drop => {
                drops.unreadable(cells.id()?, &record.place, &failure);
                continue;
            }
            Err(failure) => return Err(failure.at(&record.place)),
        };
        if let Some(first) = seen.insert(row.name(), &record.place) {
            return Err(Failure::input(format!("{} is there already, at {first}", row.name()))
                .at(&record.place)
                .hint(
                    "ids must be unique; map `id` to a column that is, or leave it out to number the rows",
                ));
        }
        let published = record.cells.get("published").and_then(Value::as_str).map(str::to_owned);
        let bare = record.cells.get("bare").and_then(Value::as_array);
        let bare = bare.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        rows.push(Placed { place: record.place.clone(), row, published, bare });
    }
    Ok(rows)
}

pub(super) fn question(cells: &Cells<'_>) -> Result<Question, Failure> {
    let choices = cells.list("choices")?;
    let choice_ids = cells.list("choice_ids")?;
    if !choice_ids.is_empty() && choice_ids.len() != choices.len() {
        let message = format!("{} choice ids for {} choices", choice_ids.len(), choices.len());
        return Err(Failure::input(message));
    }
    Ok(Question {
        id: cells.id()?,
        lang: cells.lang()?,
        question: cells.required("question")?,
        answer: cells.answer(&choices)?,
        choices,
        choice_ids,
        split: cells.text("split")?.unwrap_or_default(),
        group: cells.text("group")?.unwrap_or_default(),
    })
}

pub(super) fn text(cells: &Cells<'_>) -> Result<Text, Failure> {
    let lang = if cells.knows_lang() { cells.lang()? } else { String::new() };
    Ok(Text { id: cells.id()?, lang, text: cells.required("text")? })
}

pub(super) fn completion(cells: &Cells<'_>) -> Result<Completion, Failure> {
    let sample = cells.text("sample")?.map_or(Ok(0), |text| {
        text.parse().map_err(|_| Failure::input(format!("`sample` is not a number from 0: `{text}`")))
    })?;
    Ok(Completion {
        id: cells.id()?,
        lang: cells.lang()?,
        sample,
        prompt: cells.required("prompt")?,
        completion: cells.required("completion")?,
        finish: cells.text("finish")?.unwrap_or_default(),
    })
}

pub(super) fn pair(cells: &Cells<'_>) -> Result<Pair, Failure> {
    let id = cells.id()?;
    Ok(Pair {
        // A pair from elsewhere is a question of its own.
        question: cells.text("question")?.unwrap_or_else(|| id.clone()),
        id,
        lang: cells.lang()?,
        prompt: cells.required("prompt")?,
        chosen: cells.required("chosen")?,
        rejected: cells.required("rejected")?,
        group: cells.text("group")?.unwrap_or_default(),
        task: cells.text("task")?.unwrap_or_default(),
        margin: None,
    })
}

/// One record seen through the mapping of fields.
pub(super) struct Cells<'a> {
    record: &'a Record,
    spec: &'a DatasetSpec,
}

impl Cells<'_> {
    fn cell(&self, field: &str) -> Option<&Value> {
        let column = self.spec.fields.get(field).map_or(field, String::as_str);
        self.record.cells.get(column).filter(|value| !value.is_null())
    }

    fn column(&self, column: &str) -> Result<String, Failure> {
        let value = self.record.cells.get(column);
        scalar(column, value.ok_or_else(|| self.no_column(column))?)
    }

    fn no_column(&self, column: &str) -> Failure {
        let known: Vec<&str> = self.record.cells.keys().map(String::as_str).collect();
        Failure::input(format!("there is no column `{column}`"))
            .hint(format!("columns: {}", known.join(", ")))
    }

    /// The text of a field, if anything gives it.
    fn text(&self, field: &str) -> Result<Option<String>, Failure> {
        if let Some(value) = self.spec.values.get(field) {
            return Ok(Some(value.clone()));
        }
        if let Some(template) = self.spec.templates.get(field) {
            return self.fill(template).map(Some);
        }
        match (self.cell(field), self.spec.fields.get(field)) {
            (Some(value), _) => scalar(field, value).map(Some),
            (None, Some(column)) if !self.record.cells.contains_key(column) => Err(self.no_column(column)),
            (None, _) => Ok(None),
        }
    }

    fn required(&self, field: &str) -> Result<String, Failure> {
        self.text(field)?.ok_or_else(|| {
            let known: Vec<&str> = self.record.cells.keys().map(String::as_str).collect();
            Failure::input(format!("nothing gives the field `{field}`"))
                .hint(format!("fields = {{{field} = \"COLUMN\"}}; columns: {}", known.join(", ")))
        })
    }

    /// A template with its `{column}` places filled. Braces that are not closed stay as they are.
    fn fill(&self, template: &str) -> Result<String, Failure> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((column, after)) = after.split_once('}') else {
                text.push('{');
                rest = after;
                continue;
            };
            text.push_str(&self.column(column)?);
            rest = after;
        }
        Ok(text + rest)
    }

    fn list(&self, field: &str) -> Result<Vec<String>, Failure> {
        if let Some(columns) = self.spec.lists.get(field) {
            return columns.iter().map(|column| self.column(column)).collect();
        }
        match (self.cell(field), self.spec.separators.get(field)) {
            (Some(Value::Array(items)), _) => items.iter().map(|item| scalar(field, item)).collect(),
            (Some(value), Some(separator)) if !separator.is_empty() => {
                Ok(scalar(field, value)?.split(separator.as_str()).map(str::to_owned).collect())
            }
            (Some(_), _) => Err(Failure::input(format!("`{field}` is not a list")).hint(format!(
                "separators = {{{field} = \", \"}} splits a cell; lists = {{{field} = [...]}} joins columns"
            ))),
            (None, _) => Ok(Vec::new()),
        }
    }

    pub(super) fn id(&self) -> Result<String, Failure> {
        Ok(self.text("id")?.unwrap_or_else(|| self.record.number.to_string()))
    }

    fn knows_lang(&self) -> bool {
        self.record.lang.is_some()
            || self.spec.values.contains_key("lang")
            || self.spec.templates.contains_key("lang")
            || self.cell("lang").is_some()
    }

    fn lang(&self) -> Result<String, Failure> {
        if let Some(lang) = &self.record.lang {
            return Ok(self.spec.spelled(lang).to_string());
        }
        let written = self.text("lang")?.ok_or_else(|| {
            Failure::input("nothing gives the language of the row")
                .hint("values = {lang = \"en\"}, or fields = {lang = \"COLUMN\"}, or files by language")
        })?;
        if let Some(code) = self.spec.languages.get(&written) {
            return Ok(self.spec.spelled(code).to_string());
        }
        let code: LangCode = written.parse().map_err(|error: crate::task::language::UnknownLanguage| {
            Failure::input(error.to_string())
                .hint(format!("languages = {{\"{}\" = \"CODE\"}} names it", error.code))
        })?;
        Ok(self.spec.spelled(&code).to_string())
    }

    fn answer(&self, choices: &[String]) -> Result<Option<usize>, Failure> {
        let Some(written) = self.text("answer")? else { return Ok(None) };
        // A preset gives positions, whatever the file has.
        let style = if self.spec.benchmark().is_some() { AnswerStyle::Position } else { self.spec.answer };
        let position = match style {
            AnswerStyle::Position => written.trim().parse().ok(),
            AnswerStyle::Letter => {
                let mut letters = written.trim().chars();
                let letter = letters.next().map(|letter| letter.to_ascii_uppercase());
                letter
                    .and_then(|letter| ('A'..='Z').position(|known| known == letter))
                    .filter(|_| letters.next().is_none())
            }
            AnswerStyle::Text => {
                let mut found = (0..choices.len()).filter(|at| choices[*at].trim() == written.trim());
                let first = found.next();
                if found.next().is_some() {
                    return Err(Failure::input(format!("two choices are the answer: `{}`", written.trim())));
                }
                first
            }
        };
        let shown: String = written.chars().take(60).collect();
        let position = position.ok_or_else(|| {
            Failure::input(format!("`answer` names no choice: `{shown}`"))
                .hint("answer = \"position\" counts from 0, \"letter\" reads A, B, ..., \"text\" looks for the choice itself")
        })?;
        if !choices.is_empty() && position >= choices.len() {
            return Err(Failure::input(format!(
                "`answer` is choice {position} of {} (from 0)",
                choices.len()
            )));
        }
        Ok(Some(position))
    }
}

/// A cell as text: strings as they are, numbers and truth values as JSON writes them.
fn scalar(field: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err(Failure::input(format!("`{field}` is not a text"))),
    }
}
