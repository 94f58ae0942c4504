//! The settings of `dataset`.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{prompt::PromptSpec, split::SplitSpec};
use crate::{
    artifact::{
        ArtifactKind,
        row::{Row, completion::Completion, pair::Pair, question::Question, text::Text},
    },
    stage::port::Reference,
    task::{
        benchmark::{self, BENCHMARKS, Benchmark, Content},
        language::LangCode,
    },
};

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// Questions with candidate answers.
    Questions,
    /// Plain texts.
    Texts,
    /// Prompts with completions.
    Completions,
    /// Preference pairs.
    Pairs,
}

impl RowKind {
    pub(super) fn artifact(self) -> ArtifactKind {
        match self {
            Self::Questions => Question::KIND,
            Self::Texts => Text::KIND,
            Self::Completions => Completion::KIND,
            Self::Pairs => Pair::KIND,
        }
    }

    /// The fields of such a row.
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Questions => {
                &["id", "lang", "question", "choices", "answer", "choice_ids", "split", "group"]
            }
            Self::Texts => &["id", "lang", "text"],
            Self::Completions => &["id", "lang", "sample", "prompt", "completion", "finish"],
            Self::Pairs => &["id", "lang", "prompt", "chosen", "rejected", "question", "group", "task"],
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "FileFormat")]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// One JSON list of objects, or an object whose member `data` is one.
    Json,
    /// Comma-separated cells.
    Csv,
    /// Tab-separated cells.
    Tsv,
    /// One text per line: the column `1`.
    Lines,
}

/// How the right answer is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerStyle {
    /// The position among the choices, from 0.
    #[default]
    Position,
    /// A letter: A is the first choice.
    Letter,
    /// The text of the choice.
    Text,
}

/// What becomes of a question that is not there in every language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "MissingQuestion")]
pub enum Missing {
    /// The stage fails and names the question.
    #[default]
    Error,
    /// The question is left out in all languages and counted.
    Drop,
    /// The question stays in the languages that have it.
    Keep,
}

/// What becomes of something that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The stage fails and names it.
    Error,
    /// It is left out, in all languages, and counted.
    Drop,
}

/// What becomes of a question whose candidates differ from language to language in number, right answer or ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Misaligned {
    /// The stage fails and names the question.
    Error,
    /// The question is left out in all languages and counted.
    Drop,
    /// It stays: nothing is compared by position.
    Keep,
}

/// What becomes of a question with two candidates that read the same in some language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// It stays as it is, and is counted.
    #[default]
    Keep,
    /// The first of the two stays in all languages; if either was right, that one is.
    Merge,
    /// The question is left out in all languages and counted.
    Drop,
    /// The stage fails and names the question.
    Error,
}

/// Settings of `dataset`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// The published data set that the files are from: how they are written and what their columns mean need not be
    /// said then.
    #[serde(default)]
    #[schemars(extend("enum" = preset_names()))]
    pub preset: Option<String>,
    /// What the rows are; also the name of the output. A preset knows it.
    #[serde(default)]
    pub rows: Option<RowKind>,
    /// The file, when one file holds all rows.
    #[serde(default, skip_serializing)]
    pub file: Option<PathBuf>,
    /// The files by language, when each language has its own. Rows of the same number belong together unless they
    /// have an `id`.
    #[serde(default, skip_serializing)]
    pub files: BTreeMap<LangCode, PathBuf>,
    /// The folder that holds the files, when their names say what they are (`pattern`).
    #[serde(default, skip_serializing)]
    pub folder: Option<PathBuf>,
    /// How the files in `folder` are called: `{lang}` a language, `{group}` a part of the data, `*` anything but `/`. A
    /// preset knows it.
    #[serde(default)]
    pub pattern: Option<String>,
    /// The languages to read, in the order of the rows; empty for all that are there.
    #[serde(default)]
    pub only: Vec<LangCode>,
    /// Whether script and region of language codes are left out: `zh-CN` becomes `zh`. A preset knows it.
    #[serde(default)]
    pub plain_languages: Option<bool>,
    /// How the files are written; told from their content when absent.
    #[serde(default)]
    pub format: Option<Format>,
    /// CSV and TSV: whether the first line names the columns. Without it they are named 1, 2, ...
    #[serde(default = "yes")]
    pub header: bool,
    /// CSV and TSV: rows to skip at the beginning of each file.
    #[serde(default)]
    pub skip: usize,
    /// CSV and TSV: whether cells may be quoted with `"`.
    #[serde(default = "yes")]
    pub quotes: bool,
    /// Row field -> the column it comes from.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Row field -> the columns whose cells make up a list.
    #[serde(default)]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Row field -> what separates the items of a list that stands in one cell.
    #[serde(default)]
    pub separators: BTreeMap<String, String>,
    /// Row field -> text in which `{column}` stands for a cell.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Row field -> a constant.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Language -> the column that holds its text, when one record holds all languages.
    #[serde(default)]
    pub columns: BTreeMap<LangCode, String>,
    /// Language as the file writes it -> language code. Usual codes and `cn`, `jp`, `deu` and the like need no entry.
    #[serde(default)]
    pub languages: BTreeMap<String, LangCode>,
    /// How the right answer is given.
    #[serde(default)]
    pub answer: AnswerStyle,
    /// A JSONL file of `{id: [other ids]}`: rows of ids that are linked, however indirectly, are one question.
    #[serde(default, skip_serializing)]
    pub links: Option<PathBuf>,
    /// What becomes of a record that cannot be read. The default is `error`, but `drop` for presets of data that are
    /// known to hold such records.
    #[serde(default)]
    pub invalid: Option<Policy>,
    /// Questions: what becomes of one that is not there in every language.
    #[serde(default)]
    pub missing: Missing,
    /// Questions: what becomes of one whose candidates differ from language to language in number, right answer or ids.
    /// The default is `error`, but `drop` for presets of data that are known to hold such questions, and `keep` for
    /// those whose options have no common order.
    #[serde(default)]
    pub misaligned: Option<Misaligned>,
    /// Questions: what becomes of one with two candidates that read the same, case and blanks aside.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// Questions with fewer candidates are left out in all languages and counted.
    #[serde(default)]
    pub min_candidates: usize,
    /// Questions, to compare these with: what a model was trained on, say.
    #[serde(default, skip_serializing)]
    pub against: Option<Reference>,
    /// What becomes of a question whose text, case, punctuation and blanks aside, is in `against` in the same language.
    #[serde(default = "error")]
    pub overlap: Policy,
    /// Puts the candidates of each question into an order drawn from this seed, the same in every language. Some data
    /// sets always have the right answer in the same place.
    #[serde(default)]
    pub shuffle: Option<u64>,
    /// A file with the ids of the questions of the first part, one per line or as a JSON list; the rest is the other part.
    #[serde(default, skip_serializing)]
    pub train_ids: Option<PathBuf>,
    /// Divides the questions into two parts.
    #[serde(default)]
    pub split: Option<SplitSpec>,
    /// How questions become prompts; without it they stay as the data have them.
    #[serde(default)]
    pub prompt: Option<PromptSpec>,
}

fn yes() -> bool {
    true
}

fn error() -> Policy {
    Policy::Error
}

fn preset_names() -> Vec<Option<&'static str>> {
    BENCHMARKS.iter().map(|benchmark| Some(benchmark.name)).chain([None]).collect()
}

impl DatasetSpec {
    /// The data set that `preset` names.
    pub(super) fn benchmark(&self) -> Option<&'static Benchmark> {
        benchmark::find(self.preset.as_deref()?)
    }

    /// What the rows are, as far as it is known.
    pub(super) fn row_kind(&self) -> Option<RowKind> {
        self.rows.or_else(|| {
            Some(match self.benchmark()?.content {
                Content::Questions => RowKind::Questions,
                Content::Texts => RowKind::Texts,
                Content::Completions => RowKind::Completions,
                Content::Pairs => RowKind::Pairs,
            })
        })
    }

    pub(super) fn invalid_policy(&self) -> Policy {
        let known = self.benchmark().is_some_and(|benchmark| benchmark.has_defects);
        self.invalid.unwrap_or(if known { Policy::Drop } else { Policy::Error })
    }

    pub(super) fn misaligned_policy(&self) -> Misaligned {
        let known = |benchmark: &Benchmark| match (benchmark.aligned, benchmark.has_defects) {
            (false, _) => Misaligned::Keep,
            (true, true) => Misaligned::Drop,
            (true, false) => Misaligned::Error,
        };
        self.misaligned.unwrap_or_else(|| self.benchmark().map_or(Misaligned::Error, known))
    }

    /// A language as rows have it.
    pub(super) fn spelled(&self, lang: &LangCode) -> LangCode {
        let plain = self.plain_languages.or_else(|| Some(self.benchmark()?.plain_languages));
        if plain == Some(true) { lang.to_base() } else { lang.clone() }
    }
}
