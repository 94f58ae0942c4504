//! What a report says, before it is rendered: the document that a `report` stage writes and the renderers read.
//!
//! # Invariants
//! - No times, paths or versions: those belong to a run, not to its results, and the renderer adds them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    align::metric::Metrics,
    artifact::row::{training_step::TrainingStep, vote::Ballot},
};

/// The content of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportContent {
    /// The heading.
    pub title: String,
    /// The names under which models are compared, in column order.
    pub labels: Vec<String>,
    /// The comparison at a glance, one row per part of the data and measure.
    pub headline: Vec<HeadlineRow>,
    /// Published numbers beside ours, in the order of the recipe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<PublishedNumber>,
    /// All numbers of each model, in the order of `labels`.
    pub metrics: Vec<LabelledMetrics>,
    /// What each training run reported, step by step.
    pub training: Vec<TrainingCurve>,
    /// How the votes went. Absent when the report reads no votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes: Option<VoteSummary>,
    /// A few questions with what was sampled and what won.
    pub samples: Vec<SampleQuestion>,
}

/// One measure on one part of the data, for every model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadlineRow {
    /// The part of the data; empty when the data are not divided.
    pub split: String,
    /// The measure, as people call it: `accuracy`, `RankC`, ...
    pub measure: String,
    /// One value per label, in percent; null where that model has no such number.
    pub values: Vec<Option<f64>>,
    /// The bootstrap interval of each value; null where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Option<[f64; 2]>>,
}

/// A number that somebody published, and ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedNumber {
    /// The model, by its name in this report.
    pub label: String,
    /// The measure, as the metrics call it.
    pub measure: String,
    /// The part of the data; empty when the data are not divided.
    pub split: String,
    /// The published number, in percent.
    pub value: f64,
    /// Ours; absent when the metrics have no such measure.
    pub ours: Option<f64>,
    /// Where it was published.
    pub source: String,
}

/// The metrics of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelledMetrics {
    /// The name of the model in this report.
    pub label: String,
    /// Its numbers.
    pub metrics: Metrics,
}

/// What one training run reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingCurve {
    /// The name of the run in this report.
    pub label: String,
    /// Its optimizer steps.
    pub steps: Vec<TrainingStep>,
}

/// How the votes went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteSummary {
    /// Questions with a winner.
    pub questions: usize,
    /// Questions among them where another answer had as many votes.
    pub tied: usize,
    /// Questions whose right answer is known.
    pub known: usize,
    /// Winners among those that are right.
    pub correct: usize,
    /// Samples that could be read.
    pub ballots: usize,
    /// The same per language.
    pub per_language: Vec<LanguageVotes>,
}

/// The ballots of one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanguageVotes {
    /// The language code.
    pub lang: String,
    /// Samples that could be read.
    pub ballots: usize,
    /// Samples that agree with the winner of their question.
    pub agreeing: usize,
    /// Questions whose picked example is in this language.
    pub examples: usize,
    /// Samples that give the right answer, among those to questions whose right answer is known; with how many those
    /// are. Absent when the report reads no questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<(usize, usize)>,
}

/// One question with its samples and the vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleQuestion {
    /// The question.
    pub id: String,
    /// Its wording per language, in language order.
    pub wordings: Vec<Wording>,
    /// The winning answer.
    pub answer: String,
    /// Whether the winner is right; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correct: Option<bool>,
    /// Votes per answer, in the order the answers were first seen.
    pub counts: Vec<(String, usize)>,
    /// What was sampled.
    pub ballots: Vec<Ballot>,
}

/// A question in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The language code.
    pub lang: String,
    /// The question.
    pub question: String,
    /// The right answer in this language; empty when unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub right: String,
}
