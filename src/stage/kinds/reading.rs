//! Reads samples against their questions: `parse` does nothing else, `vote` and `evaluate` read alike where they are given samples
//! instead of answers.

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    align::answer::{
        self, EntityNames, code,
        letter::{self, Letters, NoLetter},
        number::{self, Numbers},
        pattern::{self, Which},
    },
    artifact::row::{answer::Answer, completion::Completion, question::Question},
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
    /// The last number of the text (methods 2.7, 5.4).
    Number,
    /// The fenced blocks of code.
    Code,
    /// What a pattern finds: the text of a choice, its letter, or any other text.
    Regex,
}

/// What stands before an answer in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// The label of the answer, such as `Jibu:`.
    pub answer: String,
    /// Other spellings, looked for after the first, in this order.
    #[serde(default)]
    pub variants: Vec<String>,
    /// The label of the explanation, where one is written.
    #[serde(default)]
    pub explanation: String,
}

/// How answers are read, with everything there is to choose.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) parse: Parse,
    pub(super) letters: Letters,
    /// Labels that are not in the table, or replace those that are.
    pub(super) labels: BTreeMap<LangCode, LabelSpec>,
    pub(super) numbers: Numbers,
    /// Numbers that are no farther apart are the same answer.
    pub(super) tolerance: f64,
    /// What a text without a number answers.
    pub(super) without_number: Option<f64>,
    /// Whether a text without a fence is code.
    pub(super) bare_code: bool,
    /// The pattern of languages that have none of their own.
    pub(super) pattern: Option<Regex>,
    pub(super) patterns: BTreeMap<LangCode, Regex>,
    pub(super) which: Option<Which>,
}

impl Reading {
    /// The usual way to read answers of this form.
    pub(super) fn usual(parse: Parse, require_valid_letter: bool) -> Self {
        let letters = Letters { require_valid: require_valid_letter, ..Letters::default() };
        Self { parse, letters, tolerance: 1e-3, ..Self::default() }
    }

    /// The labels of answers in `lang`, in the order in which they are looked for; none if it has no known label.
    fn labels(&self, lang: &str) -> Vec<&str> {
        let own = self.labels.iter().find(|(code, _)| code.as_str() == lang).map(|(_, spec)| spec);
        if let Some(spec) = own {
            return std::iter::once(&spec.answer).chain(&spec.variants).map(String::as_str).collect();
        }
        let known = label::labels(lang);
        known
            .into_iter()
            .flat_map(|known| std::iter::once(known.answer).chain(known.answer_variant))
            .collect()
    }

    /// Fails if there is no way to read answers in `lang`.
    fn check(&self, lang: &str) -> Result<(), Failure> {
        match self.parse {
            Parse::Letter if self.labels(lang).is_empty() => {
                let known: Vec<&str> = label::LABELS.iter().map(|labels| labels.lang).collect();
                Err(Failure::input(format!("answers in `{lang}` have no known label to read letters by"))
                    .hint(format!("languages with labels: {}; `labels` adds one", known.join(", "))))
            }
            Parse::Regex if self.pattern_of(lang).is_none() => {
                Err(Failure::input(format!("there is no pattern to read answers in `{lang}` by"))
                    .hint("`pattern` holds for every language that `patterns` does not name"))
            }
            _ => Ok(()),
        }
    }

    fn pattern_of(&self, lang: &str) -> Option<&Regex> {
        let own = self.patterns.iter().find(|(code, _)| code.as_str() == lang);
        own.map(|(_, pattern)| pattern).or(self.pattern.as_ref())
    }
}

/// Questions by id and language, with what is needed to read answers to them.
pub(super) struct Answers<'a> {
    questions: BTreeMap<(&'a str, &'a str), &'a Question>,
    ids: IndexSet<&'a str>,
    right: BTreeMap<&'a str, String>,
    names: EntityNames,
    reading: Reading,
}

impl<'a> Answers<'a> {
    /// Indexes the questions. With `languages`, each must be among the questions' languages.
    pub(super) fn new(
        questions: &'a [Question],
        reading: Reading,
        languages: &[LangCode],
    ) -> Result<Self, Failure> {
        for lang in languages {
            if !questions.iter().any(|question| question.lang == lang.as_str()) {
                return Err(
                    Failure::input(format!("no question is in `{lang}`")).hint(known_languages(questions))
                );
            }
            reading.check(lang.as_str())?;
        }
        let mut answers = Self {
            questions: BTreeMap::new(),
            ids: IndexSet::new(),
            right: BTreeMap::new(),
            names: EntityNames::of(questions),
            reading,
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
        let code = question.answer.and_then(|position| code_of(question, position, self.reading.parse));
        let Some(code) = code else { return Ok(()) };
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

    /// Every sample with its answer. Numbers of one question within the tolerance of each other are spelled alike: as the
    /// right one, or as the first of them.
    pub(super) fn all(&self, completions: &[Completion]) -> Result<Vec<Answer>, Failure> {
        let mut spellings: BTreeMap<&str, Vec<(f64, String)>> = BTreeMap::new();
        let mut rows = Vec::with_capacity(completions.len());
        for completion in completions {
            let (answer, dropped) = match self.reason_or_answer(completion)? {
                Ok(answer) => (Some(answer), String::new()),
                Err(reason) => (None, reason.to_owned()),
            };
            let answer = match (self.reading.parse, answer) {
                (Parse::Number, Some(answer)) => {
                    let known = spellings.entry(&completion.id).or_default();
                    Some(spelled_alike(known, answer, self.reading.tolerance))
                }
                (_, answer) => answer,
            };
            rows.push(Answer {
                id: completion.id.clone(),
                lang: completion.lang.clone(),
                sample: completion.sample,
                answer,
                dropped,
                right: self.right(&completion.id).map(str::to_owned),
                prompt: completion.prompt.clone(),
                completion: completion.completion.clone(),
            });
        }
        Ok(rows)
    }

    fn reason_or_answer(&self, completion: &Completion) -> Result<Result<String, &'static str>, Failure> {
        let (id, lang) = (completion.id.as_str(), completion.lang.as_str());
        let question = self.question(id, lang).ok_or_else(|| {
            Failure::input(format!(
                "a sample answers question `{id}` in `{lang}`, which is not among the questions"
            ))
            .hint("name the questions that were sampled from")
        })?;
        self.reading.check(lang)?;
        let text = &completion.completion;
        if text.trim().is_empty() && self.reading.without_number.is_none() {
            return Ok(Err("the sample is empty"));
        }
        let found = match self.reading.parse {
            Parse::Entity => {
                let code = self.names.code(lang, &question.group, text);
                code.map(str::to_owned).ok_or("names no known entity")
            }
            Parse::Choice => answer::choice(text, &question.choices)
                .and_then(|position| code_of(question, position, Parse::Choice))
                .ok_or("names no choice of the question"),
            Parse::Letter => letter::letter(text, &self.reading.labels(lang), &self.reading.letters)
                .map(String::from)
                .map_err(|reason| match reason {
                    NoLetter::Empty => "nothing stands behind the label",
                    NoLetter::NotAnOption => "no option letter",
                }),
            Parse::Number => number::number(text, self.reading.numbers)
                .or(self.reading.without_number)
                .map(|value| self.spelled(id, value))
                .ok_or("no number"),
            Parse::Code => {
                let bare = || self.reading.bare_code.then(|| text.trim().to_owned());
                code::fenced(text).or_else(bare).ok_or("no block of code")
            }
            Parse::Regex => {
                let which = self.reading.which.unwrap_or(Which::Last);
                let pattern = self.reading.pattern_of(lang);
                let found = pattern.and_then(|pattern| pattern::found(text, pattern, which));
                found.map(|found| choice_code(question, found)).ok_or("the pattern finds nothing")
            }
        };
        Ok(found)
    }

    /// The number as an answer: spelled as the right one if it is that within the tolerance.
    fn spelled(&self, id: &str, value: f64) -> String {
        let right = self.right(id);
        let near = |right: &&str| {
            right.parse::<f64>().is_ok_and(|right| (right - value).abs() <= self.reading.tolerance)
        };
        right.filter(near).map_or_else(|| number::written(value), str::to_owned)
    }
}

/// The spelling of the first known number within the tolerance of `answer`; if there is none, its own, which is known from
/// here on.
fn spelled_alike(known: &mut Vec<(f64, String)>, answer: String, tolerance: f64) -> String {
    let Ok(value) = answer.parse::<f64>() else { return answer };
    if let Some((_, spelled)) = known.iter().find(|(other, _)| (other - value).abs() <= tolerance) {
        return spelled.clone();
    }
    known.push((value, answer.clone()));
    answer
}

/// What a text found by a pattern is called: the choice that it is, the choice whose letter it is, or what it says.
fn choice_code(question: &Question, found: &str) -> String {
    let mut letters = found.chars();
    let of_letter = match (letters.next(), letters.next()) {
        (Some(letter), None) => u32::from(letter).checked_sub(u32::from('A')).map(|place| place as usize),
        _ => None,
    };
    let position = answer::choice(found, &question.choices)
        .or(of_letter.filter(|position| *position < question.choices.len()));
    position
        .and_then(|position| code_of(question, position, Parse::Choice))
        .unwrap_or_else(|| found.to_owned())
}

/// What the choice at `position` is called in answers: its letter, the number it is, its entity code, or its position.
pub(super) fn code_of(question: &Question, position: usize, parse: Parse) -> Option<String> {
    match parse {
        Parse::Letter => Some(
            u8::try_from(position)
                .map_or_else(|_| position.to_string(), |p| char::from(b'A'.saturating_add(p)).to_string()),
        ),
        Parse::Number => {
            let text = question.choices.get(position)?;
            number::number(text, Numbers { signed: true }).map(number::written)
        }
        Parse::Code => None,
        Parse::Entity | Parse::Choice | Parse::Regex => {
            Some(question.choice_ids.get(position).cloned().unwrap_or_else(|| position.to_string()))
        }
    }
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
