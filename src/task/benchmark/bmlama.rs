//! Facts as prompts with candidates: BMLAMA's clozes, and the data of direct consistency optimisation (methods 3.2).

use serde_json::json;

use super::{
    Cells, Source,
    cells::{python_list, row, text},
};
use crate::failure::Failure;

/// The slot of a cloze.
const SLOT: &str = "<mask>";

/// A cloze: columns prompt, answer, candidates separated by `", "`, subject. The question is the text before the slot;
/// each candidate carries the blank before the slot and the text after it, so that the two add up to the sentence.
pub(super) fn clozes(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let prompt = text(source.cells, "1")?;
    let answer = text(source.cells, "2")?;
    let candidates = text(source.cells, "3")?;
    let (before, after) = prompt
        .split_once(SLOT)
        .filter(|(_, after)| !after.contains(SLOT))
        .ok_or_else(|| Failure::input(format!("the prompt does not hold `{SLOT}` exactly once")))?;
    let names: Vec<&str> = candidates.split(", ").collect();
    let position = only(&names, &answer)?;
    let question = before.trim_end_matches(' ');
    let blank = before.get(question.len()..).unwrap_or_default();
    let choices: Vec<String> = names.iter().map(|name| format!("{blank}{name}{after}")).collect();
    rows.push(row([
        ("question", json!(question)),
        ("choices", json!(choices)),
        ("answer", json!(position)),
        ("bare", json!(names.iter().map(|name| format!("{blank}{name}")).collect::<Vec<_>>())),
    ]));
    Ok(())
}

/// A prompt with candidates: `Prompt`, `Ans`, `Candidate Ans`. Prompts are stripped; candidates stay as they are,
/// with any leading blank (methods 3.3).
pub(super) fn prompts(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let candidates = match source.cells.get("Candidate Ans") {
        Some(serde_json::Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        }
        _ => Some(python_list(&text(source.cells, "Candidate Ans")?)?),
    };
    let candidates = candidates.ok_or_else(|| Failure::input("`Candidate Ans` holds something but texts"))?;
    let answer = text(source.cells, "Ans")?;
    let names: Vec<&str> = candidates.iter().map(String::as_str).collect();
    let position = only(&names, &answer).or_else(|failure| {
        let trimmed: Vec<&str> = names.iter().map(|name| name.trim()).collect();
        only(&trimmed, answer.trim()).map_err(|_| failure)
    })?;
    rows.push(row([
        ("question", json!(text(source.cells, "Prompt")?.trim())),
        ("choices", json!(candidates)),
        ("answer", json!(position)),
    ]));
    Ok(())
}

/// The position of the only candidate that is the answer.
fn only(candidates: &[&str], answer: &str) -> Result<usize, Failure> {
    let mut found = (0..candidates.len()).filter(|index| candidates[*index] == answer);
    let first = found.next().ok_or_else(|| {
        Failure::input(format!("the answer `{answer}` is not among the {} candidates", candidates.len()))
    })?;
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Failure::input(format!("the answer `{answer}` is there twice among the candidates"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloze(prompt: &str, answer: &str, candidates: &str) -> Result<Cells, Failure> {
        let cells = row([("1", json!(prompt)), ("2", json!(answer)), ("3", json!(candidates))]);
        let mut rows = Vec::new();
        clozes(Source { cells: &cells, number: 1, lang: None, group: "" }, &mut rows)?;
        Ok(rows.remove(0))
    }

    #[test]
    fn question_and_candidate_add_up_to_the_sentence() {
        let fact = cloze("X was born in <mask>.", "Rome", "Paris, Rome").unwrap();
        assert_eq!(
            (&fact["question"], &fact["choices"]),
            (&json!("X was born in"), &json!([" Paris.", " Rome."]))
        );
        assert_eq!((&fact["answer"], &fact["bare"]), (&json!(1), &json!([" Paris", " Rome"])));
        assert_eq!(
            cloze("X出生于<mask>。", "罗马", "巴黎, 罗马").unwrap()["choices"],
            json!(["巴黎。", "罗马。"])
        );
    }

    #[test]
    fn what_is_wrong_with_a_fact_is_said() {
        let message = |p: &str, a: &str, c: &str| cloze(p, a, c).unwrap_err().message;
        assert_eq!(
            message("X in <mask>", "Bern", "Paris, Rome"),
            "the answer `Bern` is not among the 2 candidates"
        );
        assert_eq!(
            message("X in <mask>", "a", "a, b, a"),
            "the answer `a` is there twice among the candidates"
        );
        assert_eq!(message("X in", "a", "a"), "the prompt does not hold `<mask>` exactly once");
        assert_eq!(message("<mask> <mask>", "a", "a"), "the prompt does not hold `<mask>` exactly once");
    }
}
