//! The settings of `evaluate`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::reading::{self, Parse};
use crate::{
    align::metric::{
        bootstrap::Bootstrap,
        measure::{Options, Pairs, Unreadable},
        rankc::{Ties, Weights},
    },
    stage::{contract::Problem, port::Reference},
    task::language::LangCode,
};

/// What becomes of a question that is not there in every language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The stage fails and names the question.
    #[default]
    Error,
    /// The question is left out in all languages and counted.
    Drop,
}

/// What counts as right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gold {
    /// The question's own answer.
    #[default]
    Own,
    /// For rankings with `questions`: also the answers of questions that read the same in the same language, where they
    /// are among the candidates (methods 6.1). Adds the measure `accuracy, several golds`.
    SameQuestion,
}

/// Settings of `evaluate`. It reads `rankings`, or `answers`, or `completions` with their `questions`, or
/// `verdicts`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSpec {
    /// How a model ranks the candidates of each question.
    #[serde(default, skip_serializing)]
    pub rankings: Option<Reference>,
    /// Answers that `parse` has read out of samples.
    #[serde(default, skip_serializing)]
    pub answers: Option<Reference>,
    /// Sampled answers, to be read with `questions`.
    #[serde(default, skip_serializing)]
    pub completions: Option<Reference>,
    /// The questions that `completions` answer; with `answers`, to tell parts of the data; with `rankings`, for `gold`.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// What a judge said about answers: safe or unsafe, or won against another model's.
    #[serde(default, skip_serializing)]
    pub verdicts: Option<Reference>,
    /// The same of another model, usually the one before training: adds what changed, with paired tests.
    #[serde(default, skip_serializing)]
    pub before: Option<Reference>,
    /// For verdicts: the answers that were judged, to report how long they are.
    #[serde(default, skip_serializing)]
    pub judged: Option<Reference>,
    /// For verdicts of contests: the answers they were compared with.
    #[serde(default, skip_serializing)]
    pub baseline: Option<Reference>,
    /// Languages to compare, in the order of tables; empty for all, in the order they are first seen.
    #[serde(default)]
    pub languages: Vec<LangCode>,
    /// Parts of the data to report; empty for all, in the order they are first seen.
    #[serde(default)]
    pub splits: Vec<String>,
    /// Sizes of language groups for `Consistency_s`; empty for 2 up to all languages.
    #[serde(default)]
    pub consistency: Vec<usize>,
    /// Languages that enter the mean accuracy; empty for all.
    #[serde(default)]
    pub accuracy_languages: Vec<LangCode>,
    /// Languages whose accuracy enters AC3; empty for all. CALM's table has three languages in its accuracy and six in
    /// its AC3 (methods 1.11).
    #[serde(default)]
    pub ac3_languages: Vec<LangCode>,
    /// How rankings are compared.
    #[serde(default)]
    pub rankc: RankcSpec,
    /// What counts as right.
    #[serde(default)]
    pub gold: Gold,
    /// For rankings: weights of languages in the product of experts (methods 3.10); 1 for those not named.
    #[serde(default)]
    pub experts: BTreeMap<LangCode, f64>,
    /// For verdicts: groups of languages to report attack success rates of, such as `in-domain` (methods 6.7).
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<LangCode>>,
    /// For verdicts of contests: what a tie counts (methods 6.8).
    #[serde(default = "half")]
    pub tie_weight: f64,
    /// What becomes of a question that some language has no ranking, sample or verdict for.
    #[serde(default)]
    pub missing: Missing,
    /// For answers and completions: what becomes of a question that some language gave no readable answer to, in consistency. In
    /// accuracy such an answer is wrong.
    #[serde(default)]
    pub unreadable: Unreadable,
    /// For completions: how an answer is read.
    #[serde(default)]
    pub parse: Parse,
    /// For completions read by `letter`: refuse a single character that is not A to E.
    #[serde(default = "yes")]
    pub require_valid_letter: bool,
    /// For answers and completions: which sample of each question and language counts, from 0.
    #[serde(default)]
    pub sample: usize,
    /// How intervals are made.
    #[serde(default)]
    pub bootstrap: Bootstrap,
}

/// How rankings are compared (methods 6.4).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RankcSpec {
    /// How much agreement among the best candidates counts.
    #[serde(default)]
    pub weights: Weights,
    /// What equal scores mean.
    #[serde(default)]
    pub ties: Ties,
    /// Which pairs of languages enter means.
    #[serde(default)]
    pub pairs: Pairs,
}

fn yes() -> bool {
    true
}

fn half() -> f64 {
    0.5
}

impl EvaluateSpec {
    pub(super) fn options(&self) -> Options {
        let codes = |languages: &[LangCode]| languages.iter().map(ToString::to_string).collect();
        Options {
            splits: self.splits.clone(),
            sizes: self.consistency.clone(),
            unreadable: self.unreadable,
            weights: self.rankc.weights,
            pairs: self.rankc.pairs,
            accuracy_languages: codes(&self.accuracy_languages),
            ac3_languages: codes(&self.ac3_languages),
            expert_weights: self.experts.iter().map(|(lang, weight)| (lang.to_string(), *weight)).collect(),
            groups: self.groups.iter().map(|(name, languages)| (name.clone(), codes(languages))).collect(),
            tie_weight: self.tie_weight,
            bootstrap: self.bootstrap.clone(),
        }
    }

    /// Settings that make no sense.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.wrong_inputs();
        if !self.languages.is_empty() {
            problems.extend(reading::check_languages(&self.languages));
        }
        let most = self.languages.len();
        for size in self.consistency.iter().filter(|size| **size < 2 || (most > 0 && **size > most)) {
            let message = format!("there are no groups of {size} languages");
            problems.push(Problem::new("consistency", message, "sizes go from 2 to the number of languages"));
        }
        let named =
            [("accuracy_languages", &self.accuracy_languages), ("ac3_languages", &self.ac3_languages)];
        for (field, languages) in named {
            if let Some(lang) = languages.iter().find(|lang| most > 0 && !self.languages.contains(lang)) {
                let message = format!("`{lang}` is not among `languages`");
                problems.push(Problem::new(field, message, "languages = [...] lists all of them"));
            }
        }
        if !(0.0..1.0).contains(&self.bootstrap.level) {
            problems.push(Problem::new("bootstrap.level", "a level lies between 0 and 1", "level = 0.95"));
        }
        if !(0.0..=1.0).contains(&self.tie_weight) {
            problems.push(Problem::new("tie_weight", "a tie counts from 0 to 1", "tie_weight = 0.5"));
        }
        problems
    }

    fn wrong_inputs(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let hint = "give `rankings`, or `answers`, or `completions` together with `questions`, or `verdicts`";
        let given = [
            ("rankings", self.rankings.is_some()),
            ("answers", self.answers.is_some()),
            ("completions", self.completions.is_some()),
            ("verdicts", self.verdicts.is_some()),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given).map(|(field, _)| field);
        match (given.next(), given.next()) {
            (None, _) => problems.push(Problem::new("rankings", "there is nothing to evaluate", hint)),
            (Some(first), Some(second)) => {
                let message = format!("there are {first} and {second} to read");
                problems.push(Problem::new(second, message, hint));
            }
            (Some("completions"), None) if self.questions.is_none() => {
                problems.push(Problem::new("completions", "completions need their questions", hint));
            }
            (Some("verdicts"), None) if self.questions.is_some() => {
                problems.push(Problem::new("questions", "verdicts need no questions", hint));
            }
            (Some("rankings"), None) if self.questions.is_some() != (self.gold == Gold::SameQuestion) => {
                let (field, message) = match self.gold {
                    Gold::Own => ("questions", "rankings need no questions"),
                    Gold::SameQuestion => {
                        ("gold", "questions that read the same can only be found in `questions`")
                    }
                };
                problems.push(Problem::new(field, message, "gold = \"same-question\" goes with `questions`"));
            }
            _ => {}
        }
        for (field, given) in [("judged", self.judged.is_some()), ("baseline", self.baseline.is_some())] {
            if given && self.verdicts.is_none() {
                let message = format!("`{field}` goes with `verdicts`");
                problems.push(Problem::new(field, message, hint));
            }
        }
        problems
    }
}
