//! What `select-reference` and `cross-score` share: tasks, candidates with what they are compared by.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::vectors::Vectors;
use crate::{
    align::{
        code::{self, Dialect, Measure, Similarity},
        reference::cosine,
    },
    artifact::row::{answer::Answer, completion::Completion},
    failure::Failure,
    stage::context::Context,
};

/// What questions are about, which decides how answers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// General instructions: by the vectors of the texts.
    #[default]
    General,
    /// Mathematics: by the answers that `parse` has read.
    Mathematics,
    /// Code: by the code that `parse` has read, names and layout taken out.
    Code,
}

impl Task {
    /// Its name in rows.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Mathematics => "mathematics",
            Self::Code => "code",
        }
    }

    /// The task that a row names.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::General, Self::Mathematics, Self::Code].into_iter().find(|task| task.name() == name)
    }
}

/// How code is compared.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeSpec {
    /// The measure.
    #[serde(default)]
    pub similarity: Measure,
    /// How comments are written.
    #[serde(default)]
    pub dialect: Dialect,
}

impl CodeSpec {
    /// The similarity of two pieces of code.
    pub(super) fn compare(self, a: &str, b: &str) -> f64 {
        let (a, b) = (code::normalise(a, self.dialect), code::normalise(b, self.dialect));
        Similarity::of(self.similarity, &a, &b)
    }
}

/// Every sample with what it can be compared by.
pub(super) struct Samples {
    /// By question and language, in the order of the file.
    groups: IndexMap<(String, String), Vec<Completion>>,
    vectors: Option<Vectors>,
    answers: Option<BTreeMap<(String, String, usize), Answer>>,
}

impl Samples {
    /// Reads the inputs `completions`, `vectors` and `answers`, of which the last two may be missing.
    pub(super) fn read(cx: &Context<'_>) -> Result<Self, Failure> {
        let mut groups: IndexMap<(String, String), Vec<Completion>> = IndexMap::new();
        for completion in cx.rows::<Completion>("completions")? {
            groups.entry((completion.id.clone(), completion.lang.clone())).or_default().push(completion);
        }
        let answers = if cx.has("answers") {
            let rows: Vec<Answer> = cx.rows("answers")?;
            Some(rows.into_iter().map(|row| ((row.id.clone(), row.lang.clone(), row.sample), row)).collect())
        } else {
            None
        };
        let vectors = cx.has("vectors").then(|| Vectors::read(cx, "vectors")).transpose()?;
        Ok(Self { groups, vectors, answers })
    }

    /// The samples of each question and language, and how many without a text are left out.
    pub(super) fn said(&self) -> impl Iterator<Item = ((&str, &str), Vec<&Completion>)> {
        self.groups.iter().map(|((id, lang), own)| {
            let said = own.iter().filter(|completion| !completion.completion.trim().is_empty());
            ((id.as_str(), lang.as_str()), said.collect())
        })
    }

    /// Samples without a text.
    pub(super) fn empty(&self) -> usize {
        let blank = |completion: &&Completion| completion.completion.trim().is_empty();
        self.groups.values().flatten().filter(blank).count()
    }

    /// The cosine of two samples.
    pub(super) fn cosine(&self, a: &Completion, b: &Completion) -> Result<f64, Failure> {
        let vectors = self.vectors.as_ref().ok_or_else(|| {
            Failure::input("texts are to be compared, but there are no vectors")
                .hint("`vectors` names a stage of kind `embed`")
        })?;
        Ok(cosine(vectors.of(a)?, vectors.of(b)?))
    }

    /// Whether there are vectors.
    pub(super) fn has_vectors(&self) -> bool {
        self.vectors.is_some()
    }

    /// What `parse` made of a sample.
    pub(super) fn answer(&self, completion: &Completion) -> Result<&Answer, Failure> {
        let answers = self.answers.as_ref().ok_or_else(|| {
            Failure::input("answers are to be compared, but there are none")
                .hint("`answers` names a stage of kind `parse`")
        })?;
        let Completion { id, lang, sample, .. } = completion;
        answers.get(&(id.clone(), lang.clone(), *sample)).ok_or_else(|| {
            Failure::input(format!("sample {sample} of question `{id}` in `{lang}` has not been parsed"))
                .hint("parse the same completions that are compared")
        })
    }
}
