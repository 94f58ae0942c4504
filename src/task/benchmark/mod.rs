//! How published data sets are written: one row of a table each, over the same machinery that reads any file.
//!
//! In: the cells of one record of a file ([`Cells`]).   Out: the cells of the rows it holds, under the names that rows
//! have: `id`, `lang`, `question`, `choices`, `answer` (a position from 0), `group`, `prompt`, `completion`, `chosen`, ...
//!
//! # Invariants
//! - A reader sees one record at a time and opens no file; what needs several records (XCOPA's `question`) is a
//!   [`Benchmark::amend`].
//! - What cannot be read is a [`Failure`] that says what is wrong with this record; who reads decides whether it ends
//!   the stage or is dropped and counted.
//! - A cell `published` keeps the prompt as the data set words it, where it has one.
//!
//! Adding a data set: one file here, one line in [`BENCHMARKS`].

use serde_json::{Map, Value};

use crate::failure::Failure;

mod alpaca;
mod bmlama;
mod cells;
mod columns;
mod mmmlu;
mod options;
mod preference;
mod squad;
mod stem;
mod xcopa;

/// Named cells of one record, or of one row.
pub type Cells = Map<String, Value>;

/// A record as the functions of a benchmark see it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its cells.
    pub cells: &'a Cells,
    /// Its number within its file, from 1.
    pub number: usize,
    /// The language of its file, if that has one.
    pub lang: Option<&'a str>,
    /// What the `{group}` of the file's name stands for; empty without one.
    pub group: &'a str,
}

/// How the files of a data set are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One JSON object per line.
    Jsonl,
    /// A JSON list of objects, or an object whose member `data` is one.
    Json,
    /// Comma-separated cells under a line of names.
    Csv,
    /// Comma-separated cells without names.
    BareCsv,
    /// Tab-separated cells under a line of names, quoted with `"`. The names are not trusted: columns go by number.
    NumberedTsv,
    /// Tab-separated cells under a line of names, never quoted.
    RawTsv,
    /// Tab-separated cells without names, never quoted.
    BareTsv,
    /// One text per line.
    Lines,
    /// Told from the content.
    Any,
}

/// What the rows of a data set are by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Questions, with or without candidates.
    Questions,
    /// Plain texts.
    Texts,
    /// Prompts with completions.
    Completions,
    /// Preference pairs.
    Pairs,
}

type Read = fn(Source<'_>, &mut Vec<Cells>) -> Result<(), Failure>;
type Amend = fn(&mut [Cells]) -> Vec<String>;

/// One published data set.
pub struct Benchmark {
    /// The name in recipes.
    pub name: &'static str,
    /// What it is, and whose.
    pub about: &'static str,
    /// What its rows are unless a recipe says otherwise.
    pub content: Content,
    /// How its files are written.
    pub layout: Layout,
    /// How its files are called within a folder: `{lang}` a language, `{group}` a part of the data, `*` anything.
    pub patterns: &'static [&'static str],
    /// Turns a record into rows.
    pub read: Read,
    /// Looks at the rows of all files together, and says what it changed.
    pub amend: Option<Amend>,
    /// Whether the published data are known to hold records that cannot be read; they are then dropped and counted.
    pub has_defects: bool,
    /// Whether the candidates stand in the same order in every language.
    pub aligned: bool,
    /// Whether language codes with a region (`DE-DE`) mean the language alone.
    pub plain_languages: bool,
}

impl std::fmt::Debug for Benchmark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Benchmark").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What most rows of the table have in common.
const PLAIN: Benchmark = Benchmark {
    name: "",
    about: "",
    content: Content::Questions,
    layout: Layout::Any,
    patterns: &[],
    read: cells::verbatim,
    amend: None,
    has_defects: false,
    aligned: true,
    plain_languages: false,
};

/// Every data set with a reader of its own.
pub static BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "x-csqa",
        about: "X-CSQA, as X-CSR publishes it or as CALM rewrote it: five-way commonsense questions",
        patterns: &["x_csqa_{lang}_*.json", "{lang}/*.jsonl", "{lang}.jsonl"],
        read: stem::or_options,
        ..PLAIN
    },
    Benchmark {
        name: "medqa",
        about: "MedQA as CALM translated it: four-way medical questions with the options in the text",
        layout: Layout::Json,
        patterns: &["*_native_{lang}.json", "*2{lang}.json"],
        read: options::read,
        has_defects: true,
        ..PLAIN
    },
    Benchmark {
        name: "mmmlu",
        about: "MMMLU: columns Question, A, B, C, D, Answer, Subject; one file per language",
        patterns: &["mmlu_{lang}.csv", "{lang}.csv", "*_{lang}.csv"],
        layout: Layout::Csv,
        read: mmmlu::read,
        plain_languages: true,
        ..PLAIN
    },
    Benchmark {
        name: "dco",
        about: "the data of direct consistency optimisation: Prompt, Ans, Candidate Ans as a list in Python's writing",
        patterns: &["{lang}.csv", "{lang}.tsv", "{lang}.jsonl", "{lang}.json", "{lang}/*.csv"],
        read: bmlama::prompts,
        ..PLAIN
    },
    Benchmark {
        name: "bmlama",
        about: "BMLAMA: cloze facts with candidates, the slot written <mask>",
        layout: Layout::NumberedTsv,
        patterns: &["{lang}.tsv"],
        read: bmlama::clozes,
        ..PLAIN
    },
    Benchmark {
        name: "mgsm",
        about: "MGSM: grade-school problems; the one candidate is the right number",
        layout: Layout::BareTsv,
        patterns: &["mgsm_{lang}.tsv"],
        read: columns::mgsm,
        ..PLAIN
    },
    Benchmark {
        name: "exams",
        about: "EXAMS: school questions; options are shuffled per language",
        layout: Layout::Jsonl,
        patterns: &["questions.jsonl", "*.jsonl"],
        read: stem::read,
        has_defects: true,
        aligned: false,
        ..PLAIN
    },
    Benchmark {
        name: "xcopa",
        about: "XCOPA: cause or effect of a premise, two candidates; the connective is the one lm-evaluation-harness uses",
        layout: Layout::Jsonl,
        patterns: &["{lang}/{group}.*.jsonl", "{group}.{lang}.jsonl"],
        read: xcopa::read,
        amend: Some(xcopa::amend),
        ..PLAIN
    },
    Benchmark {
        name: "xquad",
        about: "XQuAD and SQuAD: paragraphs with questions; the one candidate is the answer's text",
        layout: Layout::Json,
        patterns: &["xquad.{lang}.json"],
        read: squad::questions,
        ..PLAIN
    },
    Benchmark {
        name: "xquad-paragraphs",
        about: "the paragraphs of XQuAD as parallel texts",
        content: Content::Texts,
        layout: Layout::Json,
        patterns: &["xquad.{lang}.json"],
        read: squad::paragraphs,
        ..PLAIN
    },
    Benchmark {
        name: "multijail",
        about: "MultiJail: unsafe prompts, one column per language",
        layout: Layout::Csv,
        patterns: &["MultiJail.csv"],
        read: columns::multijail,
        ..PLAIN
    },
    Benchmark {
        name: "xsafety",
        about: "XSafety: safety prompts, a folder per language and a file per category",
        layout: Layout::BareCsv,
        patterns: &["{lang}/{group}.csv"],
        read: columns::xsafety,
        ..PLAIN
    },
    Benchmark {
        name: "vicuna",
        about: "the questions of Vicuna's evaluation as MultilingualSIFT translated them",
        layout: Layout::Jsonl,
        patterns: &["questions_{lang}.jsonl"],
        read: columns::vicuna,
        ..PLAIN
    },
    Benchmark {
        name: "pku-saferlhf",
        about: "PKU-SafeRLHF: prompt, response_0, response_1; chosen is the safer",
        content: Content::Pairs,
        patterns: &["*.jsonl"],
        read: preference::safer,
        ..PLAIN
    },
    Benchmark {
        name: "pku-saferlhf-better",
        about: "PKU-SafeRLHF with the more helpful response as chosen",
        content: Content::Pairs,
        patterns: &["*.jsonl"],
        read: preference::better,
        ..PLAIN
    },
    Benchmark {
        name: "preferences",
        about: "prompt, chosen, rejected as TRL reads them: texts, or lists of messages",
        content: Content::Pairs,
        patterns: &["*.jsonl"],
        read: preference::messages,
        ..PLAIN
    },
    Benchmark {
        name: "alpaca-preferences",
        about: "LLaMA-Factory's instruction, input, chosen, rejected (CALM's released pairs)",
        content: Content::Pairs,
        layout: Layout::Json,
        patterns: &["DPO_{lang}.json"],
        read: alpaca::preferences,
        ..PLAIN
    },
    Benchmark {
        name: "alpaca",
        about: "LLaMA-Factory's instruction, input, output",
        content: Content::Completions,
        layout: Layout::Json,
        patterns: &["SFT_{lang}.json"],
        read: alpaca::targets,
        ..PLAIN
    },
    Benchmark {
        name: "calm-samples",
        about: "CALM's released samples: instruction, input, pred (a list of sampled answers)",
        content: Content::Completions,
        layout: Layout::Json,
        patterns: &["x_csqa_{lang}_train_*.json", "*_{lang}_*.json"],
        read: alpaca::samples,
        ..PLAIN
    },
    Benchmark {
        name: "parallel-text",
        about: "parallel lines: a file of one text per line for each language (Tatoeba, Moses, OPUS)",
        content: Content::Texts,
        layout: Layout::Lines,
        patterns: &["tatoeba.{group}.{lang}", "*.{group}.{lang}", "{lang}.txt", "*.{lang}"],
        read: columns::line,
        ..PLAIN
    },
    Benchmark {
        name: "pud",
        about: "parallel sentences: tab-separated sent_id and text, never quoted",
        content: Content::Texts,
        layout: Layout::RawTsv,
        patterns: &["{lang}.tsv"],
        read: columns::sentence,
        ..PLAIN
    },
];

/// The data set of that name.
pub fn find(name: &str) -> Option<&'static Benchmark> {
    BENCHMARKS.iter().find(|benchmark| benchmark.name == name)
}
