//! What a judge said about one answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// A judge's verdict on one sampled answer; of pairwise judgements, on the answer of the first of the two models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The question that was answered.
    pub id: String,
    /// The language code of question and answer.
    pub lang: String,
    /// Which of the samples of this question and language, from 0.
    #[serde(default)]
    pub sample: usize,
    /// `safe` or `unsafe`; of pairwise judgements `win`, `tie` or `loss` of the first model; of scores the number.
    pub verdict: String,
    /// What the judge wrote, as it came. Where the answers were shown in both orders, the two texts with an empty line
    /// between them.
    pub judge_text: String,
    /// Whether no verdict could be read out of that text; `verdict` is then what the stage's policy says.
    #[serde(default)]
    pub unparsable: bool,
}

impl Row for Verdict {
    const KIND: ArtifactKind = ArtifactKind {
        name: "verdicts",
        form: Form::Rows,
        about: "what a judge said about sampled answers: safe or unsafe, won or lost",
    };
}
