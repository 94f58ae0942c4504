//! Writes the winner of a vote in every language.

use std::collections::BTreeMap;

use super::{
    super::reading::LabelSpec,
    spec::{Format, PairsSpec},
};
use crate::{
    align::{
        answer::{EntityNames, explanation},
        pair::{self, Chosen},
    },
    artifact::row::{completion::Completion, question::Question, translation::Translation, vote::Vote},
    failure::Failure,
    stage::context::Context,
    task::label,
};

/// Why the winner has no wording in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unworded {
    /// No choice there, or option in the question's text, stands for the answer.
    NoChoice,
    /// The winner's text is not translated into that language.
    NoTranslation,
}

/// Questions, explanations and translations by question and language.
pub(super) struct Wording<'a> {
    questions: BTreeMap<(&'a str, &'a str), &'a Question>,
    explanations: BTreeMap<(String, String), String>,
    translations: Option<BTreeMap<(String, String), Translation>>,
    names: EntityNames,
    spec: &'a PairsSpec,
}

impl<'a> Wording<'a> {
    pub(super) fn new(
        cx: &Context<'_>,
        questions: &'a [Question],
        spec: &'a PairsSpec,
    ) -> Result<Self, Failure> {
        let explanations: Vec<Completion> =
            if cx.has("explanations") { cx.rows("explanations")? } else { Vec::new() };
        let translations: Option<Vec<Translation>> =
            cx.has("translations").then(|| cx.rows("translations")).transpose()?;
        let of_text = |row: Completion| ((row.id, row.lang), row.completion.trim().to_owned());
        let of_translation = |row: Translation| ((row.id.clone(), row.lang.clone()), row);
        Ok(Self {
            questions: by_language(questions),
            explanations: explanations.into_iter().map(of_text).collect(),
            translations: translations.map(|rows| rows.into_iter().map(of_translation).collect()),
            names: EntityNames::of(questions),
            spec,
        })
    }

    /// The question of a vote in `lang`.
    pub(super) fn question(&self, vote: &Vote, lang: &str) -> Result<&'a Question, Failure> {
        self.questions.get(&(vote.id.as_str(), lang)).copied().ok_or_else(|| {
            Failure::input(format!(
                "question `{}` is missing in `{lang}`, where samples voted on it",
                vote.id
            ))
            .hint("give the same questions to `sample`, `vote` and `pairs`")
        })
    }

    /// The text of the chosen side.
    pub(super) fn chosen(
        &self,
        vote: &Vote,
        question: &Question,
    ) -> Result<Result<String, Unworded>, Failure> {
        let translated = self.translation(vote, &question.lang)?;
        let style = match self.spec.format {
            Format::Translation => return Ok(translated.ok_or(Unworded::NoTranslation)),
            Format::Choice => Chosen::Choice { names: &self.names },
            Format::Letter => {
                if self.translations.is_some() && translated.is_none() {
                    return Ok(Err(Unworded::NoTranslation));
                }
                let labels = self.labels(&question.lang)?;
                let key = (vote.id.clone(), question.lang.clone());
                let explained = translated
                    .as_deref()
                    .map(without_labels)
                    .or(self.explanations.get(&key).map(String::as_str));
                return Ok(pair::chosen(
                    &vote.answer,
                    question,
                    Chosen::Letter {
                        explanation_label: &labels.explanation,
                        answer_label: &labels.answer,
                        explanation: explained,
                        spacing: &self.spec.spacing,
                    },
                )
                .ok_or(Unworded::NoChoice));
            }
        };
        Ok(pair::chosen(&vote.answer, question, style).ok_or(Unworded::NoChoice))
    }

    /// The winner's text in `lang`; its own where it was said in that language and nobody translated it.
    fn translation(&self, vote: &Vote, lang: &str) -> Result<Option<String>, Failure> {
        let Some(translations) = &self.translations else { return Ok(None) };
        let own = (vote.example_lang == lang).then(|| vote.example.clone());
        let Some(row) = translations.get(&(vote.id.clone(), lang.to_owned())) else { return Ok(own) };
        if row.source_lang != vote.example_lang {
            return Err(Failure::input(format!(
                "question `{}`: the winner was said in `{}`, but the translation into `{lang}` is from `{}`",
                vote.id, vote.example_lang, row.source_lang
            ))
            .hint("translate the votes that the pairs are made from"));
        }
        Ok(Some(row.text.clone()))
    }

    fn labels(&self, lang: &str) -> Result<LabelSpec, Failure> {
        if let Some((_, own)) = self.spec.labels.iter().find(|(code, _)| code.as_str() == lang) {
            return Ok(own.clone());
        }
        let labels = label::labels(lang).ok_or_else(|| {
            let known: Vec<&str> = label::LABELS.iter().map(|labels| labels.lang).collect();
            Failure::input(format!("there are no answer labels in `{lang}`"))
                .hint(format!("languages with labels: {}; `labels` adds one", known.join(", ")))
        })?;
        Ok(LabelSpec {
            answer: labels.answer.to_owned(),
            explanation: labels.explanation.to_owned(),
            variants: Vec::new(),
        })
    }
}

/// The questions by id and language.
pub(super) fn by_language(questions: &[Question]) -> BTreeMap<(&str, &str), &Question> {
    questions.iter().map(|question| ((question.id.as_str(), question.lang.as_str()), question)).collect()
}

/// A text without explanation and answer labels of any language, and without what follows an answer label (methods 1.7,
/// step 1).
fn without_labels(text: &str) -> &str {
    let labels: Vec<(&str, &str)> =
        label::LABELS.iter().map(|labels| (labels.explanation, labels.answer)).collect();
    explanation(text, &labels)
}
