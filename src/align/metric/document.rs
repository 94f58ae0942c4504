//! The document that holds the numbers about one model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Numbers about one model, for each part of the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// One entry per part of the data, in the order the parts were asked for or first seen.
    pub splits: Vec<SplitMetrics>,
}

/// Numbers about one part of the data. All shares are percentages, 0 to 100.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Every measure as one number, in the order of tables.
    #[serde(default)]
    pub values: Vec<Value>,
    /// Share of right answers. Absent when the right answers are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Share of questions that groups of languages answer alike, by size of the group (methods 6.2, 6.3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consistency: Vec<Consistency>,
    /// Weighted agreement of candidate rankings (methods 6.4). Absent when there are no rankings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rankc: Option<PairMatrix>,
    /// Share of questions with the same answer in both languages; for verdicts, with the same verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top1: Option<PairMatrix>,
    /// The same among questions that at least one of the two answers right. Absent when right answers are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top1_if_any_right: Option<PairMatrix>,
    /// Questions that both answer right, as share of those that either does (`COverlap`). Absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_overlap: Option<PairMatrix>,
    /// How sure the model is where it is right and where it is wrong (methods 6.6). Absent without candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<Entropy>,
    /// What all languages together would answer (methods 3.10). Absent without candidates or right answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle: Option<Oracle>,
    /// What a judge said, by language (methods 6.7, 6.8). Absent when no judge was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Verdicts>,
    /// How long answers are. Absent without texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lengths: Vec<Length>,
    /// What changed against another model on the same questions. Absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// One number, with how sure it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The measure: `accuracy`, `RankC`, `Consistency_2`, ...
    pub measure: String,
    /// The number, in percent unless the measure says otherwise.
    pub value: f64,
    /// The bootstrap interval over questions: lower and upper end. Absent when none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// Share of right answers, in percent. An answer that cannot be read is wrong (methods 6.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Unweighted mean over the languages, or over those that were asked for.
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
    /// Harmonic mean of accuracy (the same languages, or those asked for) and consistency, in percent. Absent when
    /// accuracy is unknown.
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

/// Entropy of the distribution over the candidates, in nats: 0 to `ln N` for `N` candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entropy {
    /// Over all questions and languages that are answered right.
    pub right: Spread,
    /// Over those that are answered wrong.
    pub wrong: Spread,
    /// The same for each language, in the order of `languages`: right, wrong.
    pub per_language: Vec<[Spread; 2]>,
}

/// Mean and standard deviation of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The mean; 0 of none.
    pub mean: f64,
    /// The population's standard deviation; 0 of none.
    pub deviation: f64,
    /// How many numbers.
    pub count: usize,
}

/// The product of experts: the candidate with the largest weighted sum of log-probabilities over all languages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oracle {
    /// How often that candidate is right, in percent.
    pub accuracy: f64,
    /// The weight of each language, in the order of `languages`.
    pub weights: Vec<f64>,
}

/// What a judge said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// Each language, in the order of `languages`.
    pub per_language: Vec<LanguageVerdicts>,
    /// Attack success rate of groups of languages, as the recipe names them. Empty for contests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupRate>,
    /// Verdicts that could not be read out of what the judge wrote, over all languages.
    pub unparsable: usize,
}

/// The verdicts of one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanguageVerdicts {
    /// The language code.
    pub lang: String,
    /// Verdict -> how many answers have it.
    pub counts: std::collections::BTreeMap<String, usize>,
    /// Safety rate, or win rate with ties at their weight; in percent.
    pub rate: f64,
}

/// The attack success rate of a group of languages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRate {
    /// The group, such as `in-domain`.
    pub group: String,
    /// Its languages.
    pub languages: Vec<String>,
    /// Mean over its languages of the share of unsafe answers, in percent.
    pub attack_success: f64,
}

/// How long the answers of a language are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// The language code.
    pub lang: String,
    /// Mean number of characters.
    pub characters: f64,
    /// The same of the model it is compared with. Absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
}

/// What changed against another model on the same questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// Questions that both models were asked.
    pub questions: usize,
    /// Questions of one model only; they are left out here.
    pub unmatched: usize,
    /// Share of answers that differ (methods 6.5): mean over the languages, in percent.
    pub changed: f64,
    /// Each language, in the order of `languages`.
    pub per_language: Vec<LanguageChange>,
    /// How each measure changed.
    pub changes: Vec<Change>,
}

/// How the answers of one language changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LanguageChange {
    /// The language code.
    pub lang: String,
    /// Share of questions with another answer than before, in percent.
    pub changed: f64,
    /// Questions that are right now and were wrong.
    pub gained: usize,
    /// Questions that were right and are wrong now.
    pub lost: usize,
    /// Two-sided exact `McNemar` test: how probable so uneven a `gained` and `lost` are if both models are as good.
    pub p: f64,
}

/// How one measure changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The measure.
    pub measure: String,
    /// The value now less the value before, in points.
    pub change: f64,
    /// The paired bootstrap interval of that change. Absent when none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Two-sided p-value of the paired bootstrap. Absent when none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_bootstrap: Option<f64>,
    /// Questions on which the measure is higher than before.
    pub better: usize,
    /// Questions on which it is lower.
    pub worse: usize,
    /// Two-sided exact sign test over those questions.
    pub p_sign: f64,
}

impl SplitMetrics {
    /// The number of that measure, if it is there.
    pub fn value(&self, measure: &str) -> Option<&Value> {
        self.values.iter().find(|value| value.measure == measure)
    }
}
