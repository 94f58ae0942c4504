//! Preference rows: two responses to one prompt, and which is better.

use serde_json::{Value, json};

use super::{
    Cells, Source,
    cells::{missing, row, text},
};
use crate::failure::Failure;

/// PKU-SafeRLHF, the safer response chosen.
pub(super) fn safer(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    choose(source, "safer_response_id", rows)
}

/// PKU-SafeRLHF, the better response chosen.
pub(super) fn better(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    choose(source, "better_response_id", rows)
}

fn choose(source: Source<'_>, by: &str, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let cells = source.cells;
    let responses = [text(cells, "response_0")?, text(cells, "response_1")?];
    let chosen = match text(cells, by)?.as_ref() {
        "0" => 0,
        "1" => 1,
        other => return Err(Failure::input(format!("`{by}` is neither 0 nor 1: `{other}`"))),
    };
    rows.push(row([
        ("prompt", json!(text(cells, "prompt")?)),
        ("chosen", json!(responses[chosen])),
        ("rejected", json!(responses[1 - chosen])),
    ]));
    Ok(())
}

/// Prompt, chosen and rejected as texts, or as lists of messages that begin alike and end in different answers.
pub(super) fn messages(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let (chosen_prompt, chosen) = side(source.cells, "chosen")?;
    let (rejected_prompt, rejected) = side(source.cells, "rejected")?;
    let prompt = match source.cells.get("prompt") {
        Some(Value::String(prompt)) => prompt.clone(),
        Some(Value::Array(turns)) => user_turn(turns, "prompt")?,
        _ => chosen_prompt.clone().ok_or_else(|| missing(source.cells, "prompt"))?,
    };
    if chosen_prompt != rejected_prompt {
        return Err(Failure::input("`chosen` and `rejected` do not answer the same messages"));
    }
    rows.push(row([("prompt", json!(prompt)), ("chosen", json!(chosen)), ("rejected", json!(rejected))]));
    Ok(())
}

/// A side of the pair: what was asked, when that is part of it, and the answer.
fn side(cells: &Cells, name: &str) -> Result<(Option<String>, String), Failure> {
    let Some(Value::Array(turns)) = cells.get(name) else {
        return Ok((None, text(cells, name)?.into_owned()));
    };
    let (last, before) =
        turns.split_last().ok_or_else(|| Failure::input(format!("`{name}` has no messages")))?;
    if last["role"] != "assistant" {
        return Err(Failure::input(format!("`{name}` does not end in a message of the assistant")));
    }
    let answer = last["content"].as_str().ok_or_else(|| Failure::input("a message has no text"))?;
    let asked = if before.is_empty() { None } else { Some(user_turn(before, name)?) };
    Ok((asked, answer.to_owned()))
}

/// The text of a conversation of one user message. Longer ones are refused: a prompt is one text.
fn user_turn(turns: &[Value], name: &str) -> Result<String, Failure> {
    match turns {
        [turn] if turn["role"] == "user" => {
            turn["content"].as_str().map(str::to_owned).ok_or_else(|| Failure::input("a message has no text"))
        }
        _ => Err(Failure::input(format!(
            "`{name}` holds {} messages before the answer; a prompt is one message of the user",
            turns.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: super::super::Read, cells: &Value) -> Result<Cells, Failure> {
        let mut rows = Vec::new();
        reader(Source { cells: cells.as_object().unwrap(), number: 1, lang: None, group: "" }, &mut rows)?;
        Ok(rows.remove(0))
    }

    #[test]
    fn safer_and_better_are_different_choices() {
        let cells = json!({"prompt": "p", "response_0": "a", "response_1": "b", "is_response_0_safe": true,
            "safer_response_id": 0, "better_response_id": 1});
        assert_eq!(read(safer, &cells).unwrap()["chosen"], "a");
        assert_eq!(read(better, &cells).unwrap()["chosen"], "b");
        assert_eq!(read(better, &cells).unwrap()["rejected"], "a");
        let wrong = json!({"prompt": "p", "response_0": "a", "response_1": "b", "safer_response_id": 2});
        assert_eq!(read(safer, &wrong).unwrap_err().message, "`safer_response_id` is neither 0 nor 1: `2`");
    }

    #[test]
    fn messages_are_texts_too() {
        let said = |role: &str, content: &str| json!({"role": role, "content": content});
        let cells = json!({"chosen": [said("user", "p"), said("assistant", "c")],
            "rejected": [said("user", "p"), said("assistant", "r")]});
        let pair = read(messages, &cells).unwrap();
        assert_eq!(
            (&pair["prompt"], &pair["chosen"], &pair["rejected"]),
            (&json!("p"), &json!("c"), &json!("r"))
        );
        let plain = json!({"prompt": "p", "chosen": "c", "rejected": "r"});
        assert_eq!(read(messages, &plain).unwrap(), pair);
        let other = json!({"chosen": [said("user", "p"), said("assistant", "c")],
            "rejected": [said("user", "q"), said("assistant", "r")]});
        assert!(read(messages, &other).unwrap_err().message.contains("the same messages"));
        let long = json!({"prompt": [said("user", "p"), said("assistant", "a"), said("user", "q")],
            "chosen": [said("assistant", "c")], "rejected": [said("assistant", "r")]});
        assert!(read(messages, &long).unwrap_err().message.contains("3 messages"));
    }
}
