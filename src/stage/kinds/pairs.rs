//! `pairs`: preference pairs from votes: the winner's wording against every sample that disagrees (CALM, methods 1.7).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    align::{
        answer::EntityNames,
        pair::{self, Chosen},
    },
    artifact::row::{Row, completion::Completion, pair::Pair, question::Question, vote::Vote},
    failure::Failure,
    stage::{
        context::Context,
        contract::Kind,
        port::{Ports, Reference},
    },
    task::{label, language::LangCode},
};

/// The kind.
pub enum Pairs {}

/// How the chosen side is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ChosenFormat")]
pub enum Format {
    /// The text of the winning choice in the sample's language.
    #[default]
    Choice,
    /// Answer label, letter and option text in the sample's language, after an explanation if there is one.
    Letter,
}

/// Settings of `pairs`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairsSpec {
    /// The questions that were asked.
    #[serde(skip_serializing)]
    pub questions: Reference,
    /// The votes.
    #[serde(skip_serializing)]
    pub votes: Reference,
    /// For `letter`: the winner's explanation per question and language, already translated, without label.
    #[serde(default, skip_serializing)]
    pub explanations: Option<Reference>,
    /// How the chosen side is written.
    #[serde(default)]
    pub format: Format,
    /// Languages to make pairs in; empty for all that voted.
    #[serde(default)]
    pub languages: Vec<LangCode>,
}

impl Kind for Pairs {
    const NAME: &'static str = "pairs";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "preference pairs: the majority answer against each sample that differs (CALM)";
    type Spec = PairsSpec;

    fn ports(spec: &PairsSpec) -> Ports {
        let ports = Ports::default().reads("questions", &spec.questions, Question::KIND).reads(
            "votes",
            &spec.votes,
            Vote::KIND,
        );
        let ports = match &spec.explanations {
            Some(explanations) => ports.reads("explanations", explanations, Completion::KIND),
            None => ports,
        };
        ports.writes("pairs", Pair::KIND)
    }

    fn run(cx: &Context<'_>, spec: &PairsSpec) -> Result<(), Failure> {
        let questions: Vec<Question> = cx.rows("questions")?;
        let votes: Vec<Vote> = cx.rows("votes")?;
        let explanations: Vec<Completion> =
            if cx.has("explanations") { cx.rows("explanations")? } else { Vec::new() };
        let writer = Wording::new(&questions, &explanations, spec.format);
        let mut rows = cx.write_rows::<Pair>("pairs")?;
        let (mut agreeing, mut unworded) = (0, 0);
        for vote in &votes {
            for lang in languages_of(vote, &spec.languages) {
                let losers =
                    vote.ballots.iter().filter(|ballot| ballot.lang == lang && ballot.answer != vote.answer);
                let losers = losers.count();
                agreeing += vote.ballots.iter().filter(|ballot| ballot.lang == lang).count() - losers;
                if losers == 0 {
                    continue;
                }
                let (question, chosen) = writer.chosen(vote, lang)?;
                match chosen {
                    Some(chosen) => {
                        for pair in pair::pairs(vote, question, &chosen) {
                            rows.write(&pair)?;
                        }
                    }
                    None => unworded += losers,
                }
            }
        }
        let made = rows.finish()?;
        if made == 0 {
            let text = format!(
                "no pair can be made from {} votes: {agreeing} samples agree with the winner, {unworded} have no wording of it in their language",
                votes.len()
            );
            return Err(Failure::input(text).hint(
                "sample more, or at a higher temperature: without disagreement there is nothing to align",
            ));
        }
        let unworded = match unworded {
            0 => String::new(),
            count => format!("; {count} left out because the winner has no wording in their language"),
        };
        cx.observer.note(&format!(
            "{made} pairs from {} votes; {agreeing} samples agree with the winner{unworded}",
            votes.len()
        ));
        Ok(())
    }
}

/// The languages of a vote's samples in pool order, restricted to `wanted` unless that is empty.
fn languages_of<'v>(vote: &'v Vote, wanted: &[LangCode]) -> Vec<&'v str> {
    let mut languages: Vec<&str> = Vec::new();
    for ballot in &vote.ballots {
        let lang = ballot.lang.as_str();
        if !languages.contains(&lang)
            && (wanted.is_empty() || wanted.iter().any(|code| code.as_str() == lang))
        {
            languages.push(lang);
        }
    }
    languages
}

/// Writes winners in every language.
struct Wording<'a> {
    questions: BTreeMap<(&'a str, &'a str), &'a Question>,
    explanations: BTreeMap<(&'a str, &'a str), &'a str>,
    names: EntityNames,
    format: Format,
}

impl<'a> Wording<'a> {
    fn new(questions: &'a [Question], explanations: &'a [Completion], format: Format) -> Self {
        let of_question = |question: &'a Question| ((question.id.as_str(), question.lang.as_str()), question);
        let of_text = |row: &'a Completion| ((row.id.as_str(), row.lang.as_str()), row.completion.trim());
        Self {
            questions: questions.iter().map(of_question).collect(),
            explanations: explanations.iter().map(of_text).collect(),
            names: EntityNames::of(questions),
            format,
        }
    }

    fn chosen(&self, vote: &Vote, lang: &str) -> Result<(&'a Question, Option<String>), Failure> {
        let key = (vote.id.as_str(), lang);
        let question = *self.questions.get(&key).ok_or_else(|| {
            Failure::input(format!(
                "question `{}` is missing in `{lang}`, where samples voted on it",
                vote.id
            ))
            .hint("give the same questions to `sample`, `vote` and `pairs`")
        })?;
        let style = match self.format {
            Format::Choice => Chosen::Choice { names: &self.names },
            Format::Letter => {
                let labels = label::labels(lang).ok_or_else(|| {
                    let known: Vec<&str> = label::LABELS.iter().map(|labels| labels.lang).collect();
                    Failure::input(format!("there are no answer labels in `{lang}`"))
                        .hint(format!("languages with labels: {}", known.join(", ")))
                })?;
                Chosen::Letter {
                    explanation_label: labels.explanation,
                    answer_label: labels.answer,
                    explanation: self.explanations.get(&key).copied(),
                }
            }
        };
        Ok((question, pair::chosen(&vote.answer, question, style)))
    }
}
