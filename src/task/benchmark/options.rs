//! Questions whose options stand in the text, as CALM rewrote X-CSQA (`A. ` at the start of lines) and MedQA (`(A) `
//! anywhere): `instruction`, `input`, `output`.

use serde_json::json;

use super::{
    Cells, Source,
    cells::{self, letter, row, within},
};
use crate::{failure::Failure, task::label::LABELS};

/// A question with its options found in `input`, and the letter at the start of `output`.
pub(super) fn read(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let instruction = cells::optional(source.cells, "instruction")?;
    let input = cells::text(source.cells, "input")?;
    let output = cells::text(source.cells, "output")?;
    let (question, choices) = split(&input).ok_or_else(|| {
        let shown: String = input.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
        Failure::input(format!("fewer than two option markers in `…{shown}`"))
    })?;
    let answer = leading_letter(&output).ok_or_else(|| {
        let shown: String = output.chars().take(20).collect();
        Failure::input(format!("`output` begins with no option letter: `{shown}`"))
    })?;
    within(answer, choices.len())?;
    rows.push(row([
        ("question", json!(question)),
        ("choices", json!(choices)),
        ("answer", json!(answer)),
        ("published", json!(join(&instruction, &input))),
    ]));
    Ok(())
}

/// The option letter that a text begins with, in brackets or before a full stop, a blank or nothing.
fn leading_letter(text: &str) -> Option<usize> {
    let bare = text.trim().trim_start_matches('(');
    let mut characters = bare.chars();
    let first = characters.next()?;
    let ends = characters.next().is_none_or(|next| ").: \n".contains(next));
    letter(&first.to_string()).filter(|_| ends)
}

/// Instruction and input as LLaMA-Factory joins them into one user turn.
pub(super) fn join(instruction: &str, input: &str) -> String {
    match (instruction.is_empty(), input.is_empty()) {
        (false, false) => format!("{instruction}\n{input}"),
        (false, true) => instruction.to_owned(),
        (true, _) => input.to_owned(),
    }
}

/// The question without label, and the options without what follows the last.
fn split(input: &str) -> Option<(String, Vec<String>)> {
    // At the start of lines first: a question may name `(A)` too. Translation has eaten blanks behind brackets.
    let mut found = find(input, |letter| format!("\n{letter}. "));
    for style in ["\n(*)", "(*) ", "(*)"] {
        let other = find(input, |letter| style.replace('*', &letter.to_string()));
        if other.len() > found.len().max(1) {
            found = other;
        }
    }
    if found.len() < 2 {
        return None;
    }
    let (first, _) = *found.first()?;
    let question = without_label(input.get(..first)?.trim());
    let mut choices = Vec::new();
    for (index, (_, start)) in found.iter().enumerate() {
        let option = match found.get(index + 1) {
            Some((next, _)) => input.get(*start..*next)?,
            // Behind the last option there may be a line with an answer cue.
            None => input.get(*start..)?.lines().next().unwrap_or_default(),
        };
        choices.push(option.trim().to_owned());
    }
    Some((question.to_owned(), choices))
}

/// Where the markers of A, B, C, ... begin and end, as long as they follow one another.
fn find(text: &str, marker: impl Fn(char) -> String) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for letter in 'A'..='Z' {
        let from = found.last().map_or(0, |(_, end)| *end);
        let marker = marker(letter);
        let Some(at) = text.get(from..).and_then(|rest| rest.find(&marker)) else { break };
        found.push((from + at, from + at + marker.len()));
    }
    found
}

fn without_label(question: &str) -> &str {
    let mut rest = question;
    for label in LABELS {
        rest = rest.strip_prefix(label.question).unwrap_or(rest).trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(input: &str, output: &str) -> Cells {
        row([("instruction", json!("Do.")), ("input", json!(input)), ("output", json!(output))])
    }

    fn one(input: &str, output: &str) -> Result<Cells, Failure> {
        let mut rows = Vec::new();
        let cells = cells(input, output);
        read(Source { cells: &cells, number: 1, lang: None, group: "" }, &mut rows)?;
        Ok(rows.remove(0))
    }

    #[test]
    fn options_on_lines_lose_labels_and_cues() {
        let found =
            one("Frage: Wo? (B. ist fern)\nA. Stadt\nB. D. C.\nC. Schule\nAnswer:\nAntwort:", "C").unwrap();
        assert_eq!(found["question"], "Wo? (B. ist fern)");
        assert_eq!(found["choices"], json!(["Stadt", "D. C.", "Schule"]));
        assert_eq!(found["answer"], 2);
        assert!(found["published"].as_str().unwrap().starts_with("Do.\nFrage: Wo?"));
    }

    #[test]
    fn options_in_brackets_are_found_anywhere() {
        let found = one("Which ( )? (A) x (B) y, z (C) w \n", "(b) garbled").unwrap();
        assert_eq!(found["question"], "Which ( )?");
        assert_eq!(found["choices"], json!(["x", "y, z", "w"]));
        assert_eq!(found["answer"], 1);
        assert_eq!(one("Which?\n(A) x\n(B) y", "B. y").unwrap()["answer"], 1);
        let narrow = one("Is (A) so?\n(A)x\n(B) y\n(C)z", "(C)z").unwrap();
        assert_eq!(
            (&narrow["question"], &narrow["choices"]),
            (&json!("Is (A) so?"), &json!(["x", "y", "z"]))
        );
        assert_eq!(narrow["answer"], 2);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let message = |input: &str, output: &str| one(input, output).unwrap_err().message;
        assert_eq!(message("Which? (A) x", "A"), "fewer than two option markers in `…Which? (A) x`");
        assert_eq!(message("Which? (A) x (B) y (c) z", "(C) z"), "the answer is option 3 of 2");
        assert_eq!(message("Which? (A) x (B) y", "both"), "`output` begins with no option letter: `both`");
    }
}
