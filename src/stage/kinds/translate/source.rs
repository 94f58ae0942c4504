//! What is translated and what comes out: questions, texts and votes, seen as rows of one or several texts.

use super::{TranslateSpec, VotePart, task::Task};
use crate::{
    align::answer,
    artifact::row::{
        question::Question, rejection::Rejection, text::Text, translation::Translation, vote::Vote,
    },
    failure::Failure,
    stage::{context::Context, kinds::splits::of_splits},
    task::{label::LABELS, language::LangCode},
};

/// A row to translate.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The row's id.
    pub(super) id: String,
    /// Its language.
    pub(super) lang: LangCode,
    /// Its texts: the text, or the question and its candidates.
    pub(super) texts: Vec<String>,
    /// The question it is of, if it is one.
    pub(super) question: Option<Question>,
}

impl Source {
    /// What the part at `index` is called in rejections.
    pub(super) fn part(&self, index: usize) -> String {
        match (&self.question, index) {
            (None, _) => "text".to_owned(),
            (Some(_), 0) => "question".to_owned(),
            (Some(_), choice) => format!("choice {}", choice - 1),
        }
    }
}

/// The rows that the stage translates, in their order.
pub(super) fn read(cx: &Context<'_>, spec: &TranslateSpec) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    let mut add = |id: &str, lang: &str, texts: Vec<String>, question: Option<Question>| {
        let lang: LangCode = lang.parse().map_err(|error| Failure::input(format!("row `{id}`: {error}")))?;
        if spec.source_language.as_ref().is_none_or(|wanted| *wanted == lang) {
            sources.push(Source { id: id.to_owned(), lang, texts, question });
        }
        Ok::<(), Failure>(())
    };
    if cx.has("questions") {
        let questions: Vec<Question> = cx.rows("questions")?;
        for question in of_splits(&questions, &spec.splits)? {
            add(&question.id, &question.lang, parts(question), Some(question.clone()))?;
        }
    } else if cx.has("texts") {
        for text in cx.rows::<Text>("texts")? {
            add(&text.id, &text.lang, vec![text.text], None)?;
        }
    } else {
        let labels: Vec<(&str, &str)> =
            LABELS.iter().map(|labels| (labels.explanation, labels.answer)).collect();
        for vote in cx.rows::<Vote>("votes")? {
            let text = match spec.part {
                VotePart::Example => vote.example,
                VotePart::Explanation => answer::explanation(&vote.example, &labels).to_owned(),
            };
            add(&vote.id, &vote.example_lang, vec![text], None)?;
        }
    }
    if sources.is_empty() {
        let message = match &spec.source_language {
            Some(lang) => format!("there is no row in `{lang}` to translate"),
            None => "there is no row to translate".to_owned(),
        };
        return Err(Failure::input(message).hint("`source_language` names the language of the rows"));
    }
    Ok(sources)
}

/// The texts of a question: itself, then its candidates.
pub(super) fn parts(question: &Question) -> Vec<String> {
    std::iter::once(&question.question).chain(&question.choices).cloned().collect()
}

/// Writes what was translated, and what was held back.
pub(super) fn write(cx: &Context<'_>, sources: &[Source], tasks: &[Task]) -> Result<(), Failure> {
    let mut rejected = cx.write_rows::<Rejection>("rejected")?;
    for rejection in tasks.iter().flat_map(|task| &task.rejections) {
        rejected.write(rejection)?;
    }
    rejected.finish()?;
    let done = tasks.iter().filter_map(|task| Some((task, task.passed()?, sources.get(task.source)?)));
    if sources.iter().any(|source| source.question.is_some()) {
        let mut writer = cx.write_rows::<Question>("questions")?;
        for (task, texts, source) in done {
            let Some(question) = &source.question else { continue };
            writer.write(&Question {
                lang: task.lang.to_string(),
                question: texts.first().cloned().unwrap_or_default(),
                choices: texts.iter().skip(1).cloned().collect(),
                ..question.clone()
            })?;
        }
        writer.finish()?;
    } else {
        let mut writer = cx.write_rows::<Translation>("translations")?;
        for (task, texts, source) in done {
            writer.write(&Translation {
                id: source.id.clone(),
                source_lang: source.lang.to_string(),
                lang: task.lang.to_string(),
                source: source.texts.first().cloned().unwrap_or_default(),
                text: texts.first().cloned().unwrap_or_default(),
            })?;
        }
        writer.finish()?;
    }
    Ok(())
}
