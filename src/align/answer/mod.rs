//! Reads an answer out of a sampled text: an option letter ([`letter`](mod@letter), methods 1.5), a number ([`number`](mod@number),
//! methods 2.7, 5.4), code ([`code`](mod@code), methods 2.3), what a pattern finds ([`pattern`]), a choice, or the name of a known
//! entity.

use std::collections::BTreeMap;

use crate::artifact::row::question::Question;

pub mod code;
pub mod letter;
pub mod number;
pub mod pattern;

/// The explanation in a sampled text: what follows the explanation label and precedes the answer label, for each pair
/// of labels (explanation, answer) one after the other (methods 1.7, step 1).
pub fn explanation<'t>(text: &'t str, labels: &[(&str, &str)]) -> &'t str {
    labels.iter().fold(text, |text, (explanation, answer)| {
        let rest = text.split_once(explanation).map_or(text, |(_, rest)| rest);
        rest.split_once(answer).map_or(rest, |(explained, _)| explained).trim()
    })
}

/// What a sampled text says in its first line, without surrounding blanks: the part that names an answer.
pub fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default().trim()
}

/// The position of the choice that a sampled text names: its first line equals the choice, blanks aside.
pub fn choice(text: &str, choices: &[String]) -> Option<usize> {
    let said = first_line(text);
    choices.iter().position(|choice| choice.trim() == said)
}

/// The names of all entities that questions offer as choices, per language and group.
///
/// A sample may name an entity that is right for another question; it still is an answer, so the vote counts it.
#[derive(Clone, Debug, Default)]
pub struct EntityNames {
    /// (language, group) -> name -> code.
    codes: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// (language, group) -> code -> choice text, with the leading space it needs.
    texts: BTreeMap<(String, String), BTreeMap<String, String>>,
}

impl EntityNames {
    /// Collects the names. Where two entities share a name, the first listed has it.
    pub fn of(questions: &[Question]) -> Self {
        let mut names = Self::default();
        for question in questions {
            let key = (question.lang.clone(), question.group.clone());
            let codes = names.codes.entry(key.clone()).or_default();
            let texts = names.texts.entry(key).or_default();
            for (text, code) in question.choices.iter().zip(&question.choice_ids) {
                codes.entry(text.trim().to_owned()).or_insert_with(|| code.clone());
                texts.entry(code.clone()).or_insert_with(|| text.clone());
            }
        }
        names
    }

    /// The code of the entity that the first line of `text` names.
    pub fn code(&self, lang: &str, group: &str, text: &str) -> Option<&str> {
        let codes = self.codes.get(&(lang.to_owned(), group.to_owned()))?;
        codes.get(first_line(text)).map(String::as_str)
    }

    /// The text that names the entity `code` as a choice.
    pub fn text(&self, lang: &str, group: &str, code: &str) -> Option<&str> {
        let texts = self.texts.get(&(lang.to_owned(), group.to_owned()))?;
        texts.get(code).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_stands_between_its_labels() {
        let labels = [("Explanation:", "Answer:"), ("解释:", "答案:")];
        assert_eq!(explanation("Explanation: it is so.\n\nAnswer: B", &labels), "it is so.");
        assert_eq!(explanation("解释: 因为。\n答案:A", &labels), "因为。");
        assert_eq!(explanation("no labels", &labels), "no labels");
    }

    fn question(lang: &str, choices: &[&str], ids: &[&str]) -> Question {
        Question {
            id: "q".into(),
            lang: lang.into(),
            question: "?".into(),
            choices: choices.iter().map(ToString::to_string).collect(),
            answer: None,
            choice_ids: ids.iter().map(ToString::to_string).collect(),
            split: String::new(),
            group: "capital".into(),
        }
    }

    #[test]
    fn a_choice_is_named_by_the_first_line() {
        let choices = [" Paris".to_owned(), " Rome".to_owned()];
        assert_eq!(choice(" Rome\nand more", &choices), Some(1));
        assert_eq!(choice("\n Paris ", &choices), Some(0));
        assert_eq!(choice(" Parisian", &choices), None);
        assert_eq!(choice("", &choices), None);
    }

    #[test]
    fn an_entity_of_another_question_is_an_answer_too() {
        let names = EntityNames::of(&[
            question("en", &[" Paris", " Rome"], &["paris", "rome"]),
            question("en", &[" Bern"], &["bern"]),
            question("zh", &["伯尔尼"], &["bern"]),
        ]);
        assert_eq!(names.code("en", "capital", " Bern"), Some("bern"));
        assert_eq!(names.code("en", "currency", " Bern"), None);
        assert_eq!(names.code("zh", "capital", " Bern"), None, "a name counts in its own language");
        assert_eq!(names.text("zh", "capital", "bern"), Some("伯尔尼"));
        assert_eq!(names.text("zh", "capital", "rome"), None);
    }
}
