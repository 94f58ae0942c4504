//! Measures accuracy and cross-lingual consistency (methods 6), and names the document that holds the numbers.
//!
//! In: an [`AnswerTable`], one row per question with what each language answered.   Out: [`Metrics`].
//!
//! # Invariants
//! - Shares are percentages from 0 to 100 everywhere in the document; the functions in the submodules return
//!   fractions from 0 to 1.
//! - Consistency counts equal wrong answers too: that is the paper's definition (methods 6.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod agreement;
pub mod measure;
pub mod rankc;

/// Numbers about one model, for each part of the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// One entry per part of the data, in the order the parts were asked for or first seen.
    pub splits: Vec<SplitMetrics>,
}

/// Numbers about one part of the data. All shares are percentages, 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitMetrics {
    /// The part, such as `trained` or `held-out`; empty when the data are not divided.
    pub split: String,
    /// The languages, in the order of every list and matrix below.
    pub languages: Vec<String>,
    /// Questions that were asked in every language.
    pub questions: usize,
    /// Questions that consistency leaves out because some language gave no answer that can be read.
    pub dropped: usize,
    /// Share of right answers. Absent when the right answers are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Share of questions that groups of languages answer alike, by size of the group (methods 6.2, 6.3).
    pub consistency: Vec<Consistency>,
    /// Weighted agreement of candidate rankings (methods 6.4). Absent when there are no rankings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rankc: Option<PairMatrix>,
    /// Share of questions with the same answer in both languages.
    pub top1: PairMatrix,
    /// The same among questions that at least one of the two answers right. Absent when right answers are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top1_if_any_right: Option<PairMatrix>,
    /// Questions that both answer right, as share of those that either does (`COverlap`). Absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_overlap: Option<PairMatrix>,
}

/// Share of right answers, in percent. An answer that cannot be read is wrong (methods 6.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Unweighted mean over the languages.
    pub mean: f64,
    /// Each language, in the order of `languages`.
    pub per_language: Vec<LanguageAccuracy>,
}

/// Right answers of one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanguageAccuracy {
    /// The language code.
    pub lang: String,
    /// Share of right answers, in percent.
    pub accuracy: f64,
    /// Number of right answers.
    pub right: usize,
    /// Number of questions whose right answer is known.
    pub questions: usize,
}

/// `Consistency_s` for one size `s` of language groups (methods 6.2), with AC3 (methods 6.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Number of languages in a group.
    pub size: usize,
    /// Mean over all groups of the share of questions that the whole group answers alike, in percent.
    pub consistency: f64,
    /// Harmonic mean of accuracy (same languages) and consistency, in percent. Absent when accuracy is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ac3: Option<f64>,
}

/// A number for each pair of languages, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairMatrix {
    /// Unweighted mean over the pairs of different languages that count; absent when no pair has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// `values[i][j]` belongs to languages `i` and `j`: symmetric, the diagonal is 100 where defined; null where no
    /// question counts.
    pub values: Vec<Vec<Option<f64>>>,
}

/// What every language answered, question by question: the one input of all measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerTable {
    /// The languages, in the order of every list below.
    pub languages: Vec<String>,
    /// One row per question.
    pub rows: Vec<AnswerRow>,
}

/// What every language answered to one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerRow {
    /// The question.
    pub id: String,
    /// The part of the data it belongs to.
    pub split: String,
    /// The right answer, when known.
    pub right: Option<String>,
    /// The answer of each language; absent where it could not be read.
    pub answers: Vec<Option<String>>,
    /// How each language orders the candidates; empty when the model was not asked to rank.
    pub placements: Vec<rankc::Placement>,
}
