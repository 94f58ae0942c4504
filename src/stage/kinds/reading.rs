//! Reads samples against their questions; `vote` and `evaluate` read them alike.

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    align::answer::{self, EntityNames, Letters},
    artifact::row::{completion::Completion, question::Question},
    failure::Failure,
    stage::contract::Problem,
    task::{label, language::LangCode},
};

/// How an answer is read out of a sampled text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Parse {
    /// The first line is the name of any entity that questions of the same group offer as a choice.
    #[default]
    Entity,
    /// The first line is one of the question's own choices.
    Choice,
    /// An option letter behind the answer label of the language (methods 1.5).
    Letter,
}

/// Questions by id and language, with what is needed to read answers to them.
pub(super) struct Answers<'a> {
    questions: BTreeMap<(&'a str, &'a str), &'a Question>,
    ids: IndexSet<&'a str>,
    right: BTreeMap<&'a str, String>,
    names: EntityNames,
    parse: Parse,
    letters: Letters,
}

impl<'a> Answers<'a> {
    /// Indexes the questions. With `languages`, each must be among the questions' languages.
    pub(super) fn new(
        questions: &'a [Question],
        parse: Parse,
        require_valid_letter: bool,
        languages: &[LangCode],
    ) -> Result<Self, Failure> {
        for lang in languages {
            if !questions.iter().any(|question| question.lang == lang.as_str()) {
                return Err(
                    Failure::input(format!("no question is in `{lang}`")).hint(known_languages(questions))
                );
            }
            if parse == Parse::Letter && label::labels(lang.as_str()).is_none() {
                let known: Vec<&str> = label::LABELS.iter().map(|labels| labels.lang).collect();
                return Err(Failure::input(format!(
                    "answers in `{lang}` have no known label to read letters by"
                ))
                .hint(format!("languages with labels: {}", known.join(", "))));
            }
        }
        let mut answers = Self {
            questions: BTreeMap::new(),
            ids: IndexSet::new(),
            right: BTreeMap::new(),
            names: EntityNames::of(questions),
            parse,
            letters: if require_valid_letter { Letters::Valid } else { Letters::AsPublished },
        };
        for question in questions {
            answers.add(question)?;
        }
        Ok(answers)
    }

    fn add(&mut self, question: &'a Question) -> Result<(), Failure> {
        let (id, lang) = (question.id.as_str(), question.lang.as_str());
        if self.questions.insert((id, lang), question).is_some() {
            return Err(Failure::input(format!("question `{id}` is there twice in `{lang}`")));
        }
        self.ids.insert(id);
        let Some(position) = question.answer else { return Ok(()) };
        let code = code_of(question, position, self.parse);
        let known = self.right.entry(id).or_insert_with(|| code.clone());
        if *known != code {
            return Err(Failure::input(format!(
                "question `{id}`: the right answer is `{code}` in `{lang}` but `{known}` elsewhere"
            ))
            .hint("candidates must be listed in the same order in every language"));
        }
        Ok(())
    }

    /// The ids of the questions in the order of the file.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.ids.iter().copied()
    }

    /// The question `id` in `lang`.
    pub(super) fn question(&self, id: &str, lang: &str) -> Option<&'a Question> {
        self.questions.get(&(id, lang)).copied()
    }

    /// The right answer, when known.
    pub(super) fn right(&self, id: &str) -> Option<&str> {
        self.right.get(id).map(String::as_str)
    }

    /// The answer a sample gives, or `None` if it cannot be read.
    pub(super) fn read(&self, completion: &Completion) -> Result<Option<String>, Failure> {
        let (id, lang) = (completion.id.as_str(), completion.lang.as_str());
        let question = self.question(id, lang).ok_or_else(|| {
            Failure::input(format!(
                "a sample answers question `{id}` in `{lang}`, which is not among the questions"
            ))
            .hint("name the questions that were sampled from")
        })?;
        let text = &completion.completion;
        Ok(match self.parse {
            Parse::Entity => self.names.code(lang, &question.group, text).map(str::to_owned),
            Parse::Choice => answer::choice(text, &question.choices)
                .map(|position| code_of(question, position, self.parse)),
            Parse::Letter => label::labels(lang)
                .and_then(|labels| answer::letter(text, labels.answer, labels.answer_variant, self.letters))
                .map(String::from),
        })
    }
}

/// What the choice at `position` is called in votes: its entity code, its letter, or its position.
fn code_of(question: &Question, position: usize, parse: Parse) -> String {
    if parse == Parse::Letter {
        return u8::try_from(position)
            .map_or_else(|_| position.to_string(), |p| char::from(b'A'.saturating_add(p)).to_string());
    }
    question.choice_ids.get(position).cloned().unwrap_or_else(|| position.to_string())
}

/// The languages of the questions, for a hint.
pub(super) fn known_languages(questions: &[Question]) -> String {
    let languages: IndexSet<&str> = questions.iter().map(|question| question.lang.as_str()).collect();
    format!("languages of the questions: {}", languages.into_iter().collect::<Vec<_>>().join(", "))
}

/// What is wrong with an ordered list of languages.
pub(super) fn check_languages(languages: &[LangCode]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if languages.is_empty() {
        problems.push(Problem::new("languages", "no language is listed", "languages = [\"sw\", \"en\"]"));
    }
    let mut seen: IndexMap<&LangCode, usize> = IndexMap::new();
    for lang in languages {
        *seen.entry(lang).or_default() += 1;
    }
    for (lang, _) in seen.into_iter().filter(|(_, count)| *count > 1) {
        let message = format!("`{lang}` is listed more than once");
        problems.push(Problem::new("languages", message, "each language votes once"));
    }
    problems
}
