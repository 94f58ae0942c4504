//! XCOPA: a premise, two candidates, and whether cause or effect is asked for.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Cells, Source,
    cells::{row, text, within},
};
use crate::failure::Failure;

/// Connectives before a cause and before an effect, as lm-evaluation-harness words them.
const CONNECTIVES: &[(&str, &str, &str)] = &[
    ("en", "because", "therefore"),
    ("et", "sest", "seetõttu"),
    ("ht", "poukisa", "donk sa"),
    ("id", "karena", "maka"),
    ("it", "perché", "quindi"),
    ("qu", "imataq", "chaymi"),
    ("sw", "kwa sababu", "kwa hiyo"),
    ("ta", "காரணமாக", "எனவே"),
    ("th", "เพราะ", "ดังนั้น"),
    ("tr", "çünkü", "bu yüzden"),
    ("vi", "bởi vì", "vì vậy"),
    ("zh", "因为", "所以"),
];

/// Languages whose `question` can be trusted, best first: in the others some rows disagree with them.
const TRUSTED: [&str; 3] = ["en", "it", "id"];

/// The premise and the candidates; the connective is added when all languages are there.
pub(super) fn read(source: Source<'_>, rows: &mut Vec<Cells>) -> Result<(), Failure> {
    let lang = source.lang.ok_or_else(|| Failure::input("nothing gives the language of the file"))?;
    let asked = text(source.cells, "question")?;
    if !["cause", "effect"].contains(&asked.as_ref()) {
        return Err(Failure::input(format!("`question` is neither cause nor effect: `{asked}`")));
    }
    let label = text(source.cells, "label")?;
    let answer = label.parse().map_err(|_| Failure::input(format!("`label` is not a number: `{label}`")))?;
    let number = text(source.cells, "idx")?;
    let id = if source.group.is_empty() { number.into_owned() } else { format!("{}/{number}", source.group) };
    rows.push(row([
        ("id", json!(id)),
        ("lang", json!(lang)),
        ("question", json!(text(source.cells, "premise")?.trim())),
        ("choices", json!([text(source.cells, "choice1")?.trim(), text(source.cells, "choice2")?.trim()])),
        ("answer", json!(within(answer, 2)?)),
        ("group", json!(asked)),
        ("split", json!(source.group)),
    ]));
    Ok(())
}

/// Takes cause or effect from a language that can be trusted, then ends each premise in the connective.
pub(super) fn amend(rows: &mut [Cells]) -> Vec<String> {
    let of =
        |cells: &Cells, name: &str| cells.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let mut trusted: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for cells in rows.iter() {
        let Some(rank) = TRUSTED.iter().position(|lang| *lang == of(cells, "lang")) else { continue };
        let known = trusted.entry(of(cells, "id")).or_insert((rank, of(cells, "group")));
        if rank < known.0 {
            *known = (rank, of(cells, "group"));
        }
    }
    let (mut corrected, mut unsure) = (0, 0);
    for cells in rows.iter_mut() {
        match trusted.get(&of(cells, "id")) {
            Some((_, asked)) if *asked != of(cells, "group") => {
                cells.insert("group".to_owned(), json!(asked));
                corrected += 1;
            }
            Some(_) => {}
            None => unsure += 1,
        }
        connect(cells, &of(cells, "lang"), of(cells, "group") == "cause");
    }
    let mut notes = Vec::new();
    if corrected > 0 {
        notes.push(format!(
            "{corrected} rows ask for cause or effect as Italian or Indonesian does, not as they say"
        ));
    }
    if unsure > 0 {
        notes.push(format!(
            "{unsure} rows are not there in Italian or Indonesian: their `question` may be wrong"
        ));
    }
    notes
}

/// Moves the premise's full stop out and the connective in; candidates begin in lower case after a blank.
fn connect(cells: &mut Cells, lang: &str, cause: bool) {
    let base = lang.split('-').next().unwrap_or(lang);
    let Some((_, because, therefore)) = CONNECTIVES.iter().find(|(known, ..)| *known == base) else { return };
    let connective = if cause { because } else { therefore };
    let premise = cells.get("question").and_then(|value| value.as_str()).unwrap_or_default();
    let mut shortened = premise.chars();
    if premise.ends_with(|last: char| !last.is_alphanumeric()) {
        shortened.next_back();
    }
    let question = format!("{} {connective}", shortened.as_str());
    let choices: Vec<String> = cells
        .get("choices")
        .and_then(|value| value.as_array())
        .map(|choices| choices.iter().filter_map(|choice| choice.as_str()).map(lowered).collect())
        .unwrap_or_default();
    cells.insert("question".to_owned(), json!(question));
    cells.insert("choices".to_owned(), json!(choices));
}

fn lowered(text: &str) -> String {
    let mut rest = text.chars();
    let first: String = rest.next().map(|first| first.to_lowercase().collect()).unwrap_or_default();
    format!(" {first}{}", rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_and_effect_come_from_a_language_that_can_be_trusted() {
        let cells = |lang: &str, asked: &str| {
            row([
                ("id", json!("val/0")),
                ("lang", json!(lang)),
                ("question", json!("Premise.")),
                ("choices", json!(["One.", "Two."])),
                ("group", json!(asked)),
            ])
        };
        let mut rows = [cells("th", "effect"), cells("it", "cause"), cells("id", "effect")];
        let notes = amend(&mut rows);
        assert!(notes[0].starts_with("2 rows ask"), "{notes:?}");
        assert_eq!((&rows[0]["group"], &rows[0]["question"]), (&json!("cause"), &json!("Premise เพราะ")));
        assert_eq!(
            (&rows[1]["question"], &rows[1]["choices"]),
            (&json!("Premise perché"), &json!([" one.", " two."]))
        );
        let notes = amend(&mut [cells("zh", "effect")]);
        assert!(notes[0].starts_with("1 rows are not there in Italian"), "{notes:?}");
    }
}
