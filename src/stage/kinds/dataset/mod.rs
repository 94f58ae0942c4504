//! `dataset`: rows from JSONL, JSON, CSV or TSV files of any field names.
//!
//! A row's field comes from the first of: `values` (a constant), `templates` (text with `{column}` in it), `lists`
//! (several columns), `fields` (one column of another name), the column of the same name.
//!
//! # Decisions
//! - The format is told from the content, not from the file's name: names are not part of the key, so they must not
//!   change what is read.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    artifact::{
        ArtifactKind,
        row::{Row, completion::Completion, pair::Pair, question::Question, text::Text},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
    task::language::LangCode,
};

mod convert;
mod parallel;
mod record;

/// The kind.
pub enum Dataset {}

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
    fn artifact(self) -> ArtifactKind {
        match self {
            Self::Questions => Question::KIND,
            Self::Texts => Text::KIND,
            Self::Completions => Completion::KIND,
            Self::Pairs => Pair::KIND,
        }
    }

    /// The fields of such a row.
    fn fields(self) -> &'static [&'static str] {
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
    /// One JSON list of objects.
    Json,
    /// Comma-separated cells.
    Csv,
    /// Tab-separated cells.
    Tsv,
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
pub enum Missing {
    /// The stage fails and names the question.
    #[default]
    Error,
    /// The question is left out in all languages and counted.
    Drop,
}

/// Settings of `dataset`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// What the rows are; also the name of the output.
    pub rows: RowKind,
    /// The file, when one file holds all rows.
    #[serde(default, skip_serializing)]
    pub file: Option<PathBuf>,
    /// The files by language, when each language has its own. Rows of the same number belong together unless they
    /// have an `id`.
    #[serde(default, skip_serializing)]
    pub files: BTreeMap<LangCode, PathBuf>,
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
    /// Language as the file writes it -> language code. Usual codes and `cn`, `jp`, `deu` and the like need no entry.
    #[serde(default)]
    pub languages: BTreeMap<String, LangCode>,
    /// How the right answer is given.
    #[serde(default)]
    pub answer: AnswerStyle,
    /// Questions: what becomes of one that is not there in every language.
    #[serde(default)]
    pub missing: Missing,
}

fn yes() -> bool {
    true
}

impl Kind for Dataset {
    const NAME: &'static str = "dataset";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "rows from JSONL, JSON, CSV or TSV files";
    const SECTION: Section = Section::Data;
    type Spec = DatasetSpec;

    fn ports(spec: &DatasetSpec) -> Ports {
        let kind = spec.rows.artifact();
        let mut ports = Ports::default().writes(kind.name, kind);
        if let Some(file) = &spec.file {
            ports = ports.opens("file", file);
        }
        for (lang, file) in &spec.files {
            ports = ports.opens(format!("files.{lang}"), file);
        }
        ports
    }

    fn check(spec: &DatasetSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&spec.file, spec.files.is_empty()) {
            (Some(_), false) => {
                problems.push(Problem::new("files", "there are both `file` and `files`", "give one of them"));
            }
            (None, true) => {
                let hint = "file = \"rows.jsonl\", or files = {en = \"en.tsv\", sw = \"sw.tsv\"}";
                problems.push(Problem::new("file", "there is no file to read", hint));
            }
            _ => {}
        }
        let known = spec.rows.fields();
        let mut named: Vec<(&str, &String)> = Vec::new();
        named.extend(spec.fields.keys().map(|field| ("fields", field)));
        named.extend(spec.lists.keys().map(|field| ("lists", field)));
        named.extend(spec.separators.keys().map(|field| ("separators", field)));
        named.extend(spec.templates.keys().map(|field| ("templates", field)));
        named.extend(spec.values.keys().map(|field| ("values", field)));
        for (setting, field) in named {
            if !known.contains(&field.as_str()) {
                let message = format!("`{}` rows have no field `{field}`", spec.rows.artifact().name);
                problems.push(Problem::new(
                    format!("{setting}.{field}"),
                    message,
                    format!("fields: {}", known.join(", ")),
                ));
            } else if ["lists", "separators"].contains(&setting)
                && !["choices", "choice_ids"].contains(&field.as_str())
            {
                let message = format!("`{field}` is not a list");
                problems.push(Problem::new(
                    format!("{setting}.{field}"),
                    message,
                    "lists: choices, choice_ids",
                ));
            }
        }
        if let Some(lang) = spec.values.get("lang")
            && let Err(error) = lang.parse::<LangCode>()
        {
            problems.push(Problem::new(
                "values.lang",
                error.to_string(),
                "language codes are those of ISO 639",
            ));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &DatasetSpec) -> Result<(), Failure> {
        let mut records = Vec::new();
        if spec.file.is_some() {
            records.extend(record::read(cx.file("file"), None, spec)?);
        }
        for lang in spec.files.keys() {
            records.extend(record::read(cx.file(&format!("files.{lang}")), Some(lang), spec)?);
        }
        match spec.rows {
            RowKind::Questions => {
                let questions = convert::all(&records, spec, convert::question)?;
                let (questions, dropped) = parallel::align(questions, spec.missing)?;
                if dropped > 0 {
                    cx.observer.note(&format!("{dropped} questions dropped: not there in every language"));
                }
                write(cx, questions.into_iter())
            }
            RowKind::Texts => write(cx, unplaced(convert::all(&records, spec, convert::text)?)),
            RowKind::Completions => write(cx, unplaced(convert::all(&records, spec, convert::completion)?)),
            RowKind::Pairs => write(cx, unplaced(convert::all(&records, spec, convert::pair)?)),
        }
    }
}

fn unplaced<R>(rows: Vec<convert::Placed<R>>) -> impl Iterator<Item = R> {
    rows.into_iter().map(|placed| placed.row)
}

fn write<R: Row>(cx: &Context<'_>, rows: impl Iterator<Item = R>) -> Result<(), Failure> {
    let mut writer = cx.write_rows::<R>(R::KIND.name)?;
    for row in rows {
        writer.write(&row)?;
    }
    let written = writer.finish()?;
    cx.observer.note(&format!("{written} {}", R::KIND.name));
    Ok(())
}
