//! SQuAD's layout: articles with paragraphs with questions.

use serde_json::{Value, json};

use super::{Cells, Source, cells::row};
use crate::failure::Failure;

fn list<'v>(value: &'v Value, name: &str) -> Result<&'v [Value], Failure> {
    value[name].as_array().map(Vec::as_slice).ok_or_else(|| Failure::input(format!("`{name}` is not a list")))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Failure> {
    value[name].as_str().ok_or_else(|| Failure::input(format!("`{name}` is not a text")))
}

/// One row per question: the paragraph, an empty line, the question. The answer is the only candidate. An answer that
/// does not stand where `answer_start` (in code points) says is refused.
pub(super) fn questions(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let article = Value::Object(source.cells.clone());
    for paragraph in list(&article, "paragraphs")? {
        let context = text(paragraph, "context")?;
        for question in list(paragraph, "qas")? {
            let id = text(question, "id")?;
            let asked = text(question, "question")?;
            let mut cells = row([("id", json!(id)), ("question", json!(format!("{context}\n\n{asked}")))]);
            if let Some(answer) = list(question, "answers")?.first() {
                let found = text(answer, "text")?;
                let start = answer["answer_start"].as_u64().unwrap_or(u64::MAX) as usize;
                if !context.chars().skip(start).zip(found.chars()).all(|(a, b)| a == b)
                    || context.chars().skip(start).count() < found.chars().count()
                {
                    return Err(Failure::input(format!(
                        "question `{id}`: its answer is not at `answer_start`"
                    )));
                }
                cells.insert("choices".to_owned(), json!([found]));
                cells.insert("answer".to_owned(), json!(0));
            }
            rows.push(cells);
        }
    }
    Ok(())
}

/// One text per paragraph.
pub(super) fn paragraphs(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let article = Value::Object(source.cells.clone());
    for (index, paragraph) in list(&article, "paragraphs")?.iter().enumerate() {
        let id = format!("{}/{}", source.number, index + 1);
        rows.push(row([("id", json!(id)), ("text", json!(text(paragraph, "context")?))]));
    }
    Ok(())
}
