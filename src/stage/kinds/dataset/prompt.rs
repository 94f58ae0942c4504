//! Words questions as prompts: options with letters, localised labels, candidates as letters or as texts (methods 1.3, 3.5).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::convert::Placed;
use crate::{
    artifact::row::question::Question,
    failure::Failure,
    task::{cue, language::LangCode},
};

/// How a question shows its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PromptStyle")]
pub enum Style {
    /// Not at all.
    #[default]
    Bare,
    /// Each on a line: `A. text`.
    Lines,
    /// Each on a line: `(A) text`.
    Brackets,
    /// As the data set words its prompts, instruction included.
    Published,
    /// Clozes: the text before the slot alone. Candidates do not carry the text after it.
    Prefix,
}

/// What the candidates are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "CandidateStyle")]
pub enum Candidates {
    /// The texts of the options.
    #[default]
    Texts,
    /// The letters of the options.
    Letters,
}

/// How questions become prompts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// How a question shows its options.
    #[serde(default)]
    pub style: Style,
    /// What the candidates are.
    #[serde(default)]
    pub candidates: Candidates,
    /// Whether each candidate begins with a blank, as it must when it follows the prompt directly.
    #[serde(default = "yes")]
    pub leading_blank: bool,
    /// Whether the question has a label before it: `Question:` in its language.
    #[serde(default)]
    pub question_label: bool,
    /// Whether the prompt ends in a line with an answer cue: `Answer:` in its language.
    #[serde(default = "yes")]
    pub answer_cue: bool,
    /// Answer cues per language, instead of the built-in ones.
    #[serde(default)]
    pub cues: BTreeMap<LangCode, String>,
    /// What stands on a line before the question, per language.
    #[serde(default)]
    pub instructions: BTreeMap<LangCode, String>,
}

fn yes() -> bool {
    true
}

/// Words every question.
pub(super) fn word(questions: &mut [Placed<Question>], spec: &PromptSpec) -> Result<(), Failure> {
    for placed in questions {
        let question = wording(placed, spec).map_err(|failure| failure.at(&placed.place))?;
        let bare = std::mem::take(&mut placed.bare);
        let row = &mut placed.row;
        row.question = question;
        if spec.style == Style::Prefix {
            row.choices = bare;
        } else if spec.candidates == Candidates::Letters {
            row.choices = ('A'..='Z').take(row.choices.len()).map(String::from).collect();
        }
        if spec.leading_blank && spec.style != Style::Prefix {
            for choice in &mut row.choices {
                *choice = format!(" {}", choice.trim_start());
            }
        }
    }
    Ok(())
}

fn wording(placed: &Placed<Question>, spec: &PromptSpec) -> Result<String, Failure> {
    let row = &placed.row;
    if spec.style == Style::Published {
        return placed.published.clone().ok_or_else(|| {
            Failure::input("the data set has no wording of its own").hint(
                "style = \"lines\" shows the options; presets with a wording: x-csqa as CALM has it, medqa",
            )
        });
    }
    if spec.style == Style::Prefix {
        return if placed.bare.len() == row.choices.len() && !row.choices.is_empty() {
            Ok(row.question.clone())
        } else {
            Err(Failure::input("`prefix` is for clozes, and this is none")
                .hint("the preset bmlama has clozes"))
        };
    }
    let mut text = String::new();
    let of_lang = |table: &BTreeMap<LangCode, String>| {
        table.iter().find(|(lang, _)| lang.as_str() == row.lang).map(|(_, text)| text.clone())
    };
    if let Some(instruction) = of_lang(&spec.instructions) {
        text += &(instruction + "\n");
    } else if !spec.instructions.is_empty() {
        return Err(unknown("instructions", &row.lang));
    }
    if spec.question_label {
        text += cue::question(&row.lang).ok_or_else(|| unknown("question_label", &row.lang))?;
        text.push(' ');
    }
    text += row.question.trim_end();
    if matches!(spec.style, Style::Lines | Style::Brackets) {
        if row.choices.len() > 26 {
            return Err(Failure::input(format!("{} options have no letters", row.choices.len())));
        }
        for (letter, choice) in ('A'..='Z').zip(&row.choices) {
            let marked =
                if spec.style == Style::Lines { format!("{letter}.") } else { format!("({letter})") };
            text += &["\n", &marked, " ", choice.trim()].concat();
        }
    }
    if spec.answer_cue {
        let own = of_lang(&spec.cues).or_else(|| cue::answer(&row.lang).map(str::to_owned));
        text.push('\n');
        text += &own.ok_or_else(|| unknown("cues", &row.lang))?;
    }
    Ok(text)
}

fn unknown(setting: &str, lang: &str) -> Failure {
    let failure = Failure::input(format!("`prompt.{setting}` says nothing for `{lang}`"));
    match setting {
        "question_label" => {
            failure.hint("no label is built in for that language: leave `question_label` out")
        }
        _ => failure.hint(format!("{setting} = {{{lang} = \"...\"}}")),
    }
}
