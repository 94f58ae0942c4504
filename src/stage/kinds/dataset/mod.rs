//! `dataset`: rows from the files of a published data set, or from JSONL, JSON, CSV or TSV files of any field names.
//!
//! A row's field comes from the first of: `values` (a constant), `templates` (text with `{column}` in it), `lists`
//! (several columns), `fields` (one column of another name), the column of the same name. A `preset` turns each record
//! into columns of those names first ([`crate::task::benchmark`]), so everything else works on it as on any file.
//!
//! Files -> records ([`record`]) -> cells of rows -> rows ([`convert`]) -> questions brought together by id, checked
//! and divided ([`parallel`], [`candidates`], [`overlap`], [`split`]) -> worded as prompts ([`prompt`]).
//!
//! # Decisions
//! - The format is told from the content, not from the file's name: names are not part of the key, so they must not
//!   change what is read. A `folder` is an exception that says so: its names are part of its content.
//! - What is left out is left out in all languages, and counted with its reason.

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use crate::{
    artifact::row::{Row, question::Question},
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
    task::benchmark::{BENCHMARKS, Benchmark, Source},
};

mod candidates;
mod check;
mod convert;
mod drops;
mod folder;
mod links;
mod overlap;
mod parallel;
mod prompt;
mod record;
mod spec;
mod split;

use convert::Placed;
use drops::Drops;
use record::Record;
use spec::Policy;
pub use spec::{DatasetSpec, RowKind};

/// The kind.
pub enum Dataset {}

impl Kind for Dataset {
    const NAME: &'static str = "dataset";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "rows from published data sets, or from JSONL, JSON, CSV or TSV files";
    const SECTION: Section = Section::Data;
    type Spec = DatasetSpec;

    fn ports(spec: &DatasetSpec) -> Ports {
        let kind = spec.row_kind().unwrap_or(RowKind::Questions).artifact();
        let mut ports = Ports::default().writes(kind.name, kind);
        if let Some(file) = &spec.file {
            ports = ports.opens("file", file);
        }
        for (lang, file) in &spec.files {
            ports = ports.opens(format!("files.{lang}"), file);
        }
        if let Some(folder) = &spec.folder {
            ports = ports.opens("folder", folder);
        }
        if let Some(links) = &spec.links {
            ports = ports.opens("links", links);
        }
        if let Some(ids) = &spec.train_ids {
            ports = ports.opens("train_ids", ids);
        }
        if let Some(against) = &spec.against {
            ports = ports.reads("against", against, Question::KIND);
        }
        ports
    }

    fn check(spec: &DatasetSpec) -> Vec<Problem> {
        check::problems(spec)
    }

    fn run(cx: &Context<'_>, spec: &DatasetSpec) -> Result<(), Failure> {
        let mut drops = Drops::default();
        let mut notes = Vec::new();
        let records = records(cx, spec, &mut drops, &mut notes)?;
        match spec.row_kind().unwrap_or(RowKind::Questions) {
            RowKind::Questions => {
                let rows = convert::all(&records, spec, &mut drops, convert::question)?;
                let rows = questions(cx, spec, rows, &mut drops, &mut notes)?;
                write(cx, rows, &drops, &notes)
            }
            RowKind::Texts => {
                write(cx, convert::all(&records, spec, &mut drops, convert::text)?, &drops, &notes)
            }
            RowKind::Completions => {
                write(cx, convert::all(&records, spec, &mut drops, convert::completion)?, &drops, &notes)
            }
            RowKind::Pairs => {
                write(cx, convert::all(&records, spec, &mut drops, convert::pair)?, &drops, &notes)
            }
        }
    }
}

/// The records of all files, with the cells that rows have.
fn records(
    cx: &Context<'_>,
    spec: &DatasetSpec,
    drops: &mut Drops,
    notes: &mut Vec<String>,
) -> Result<Vec<Record>, Failure> {
    let mut found = Vec::new();
    for file in folder::files(cx, spec)? {
        for record in record::read(&file, spec)? {
            match spec.benchmark() {
                Some(benchmark) => found.extend(translated(benchmark, &record, spec, drops)?),
                None if spec.columns.is_empty() => found.push(record),
                None => found.extend(by_column(&record, spec)?),
            }
        }
        cx.check_cancelled()?;
    }
    if let Some(amend) = spec.benchmark().and_then(|benchmark| benchmark.amend) {
        let mut cells: Vec<_> = found.iter_mut().map(|record| std::mem::take(&mut record.cells)).collect();
        notes.extend(amend(&mut cells));
        for (record, cells) in found.iter_mut().zip(cells) {
            record.cells = cells;
        }
    }
    if !spec.only.is_empty() {
        let wanted = |record: &Record| {
            let lang = record.cells.get("lang").and_then(Value::as_str);
            lang.is_none_or(|lang| spec.only.iter().any(|only| only.as_str() == lang))
        };
        found.retain(wanted);
    }
    if found.is_empty() {
        let failure = Failure::input("there is nothing to read");
        return Err(failure.hint(drops.notes().first().cloned().unwrap_or_else(|| {
            "`only` names the languages to read: is there a file of any of them?".to_owned()
        })));
    }
    Ok(found)
}

/// A record as its data set means it.
fn translated(
    benchmark: &Benchmark,
    record: &Record,
    spec: &DatasetSpec,
    drops: &mut Drops,
) -> Result<Vec<Record>, Failure> {
    let mut rows = Vec::new();
    let lang = record.lang.as_ref().map(|lang| spec.spelled(lang).to_string());
    let (cells, number) = (&record.cells, record.number);
    let source = Source { cells, number, lang: lang.as_deref(), group: &record.group };
    match (benchmark.read)(source, &mut rows) {
        Ok(()) => {}
        Err(failure) if spec.invalid_policy() == Policy::Drop => {
            let id = cells.get("id").and_then(Value::as_str).map(str::to_owned);
            drops.unreadable(id.unwrap_or_else(|| number.to_string()), &record.place, &failure);
            return Ok(Vec::new());
        }
        Err(failure) => {
            let hint = failure.hint.clone();
            let hint = hint.unwrap_or_else(|| "`invalid = \"drop\"` leaves such records out".to_owned());
            return Err(failure.at(&record.place).hint(hint));
        }
    }
    Ok(rows.into_iter().map(|cells| Record { cells, ..record.clone() }).collect())
}

/// One record per language from one that holds all of them.
fn by_column(record: &Record, spec: &DatasetSpec) -> Result<Vec<Record>, Failure> {
    let field = if spec.row_kind() == Some(RowKind::Texts) { "text" } else { "question" };
    let of_column = |(lang, column): (&crate::task::language::LangCode, &String)| {
        let cell = record.cells.get(column).cloned().ok_or_else(|| {
            let known: Vec<&str> = record.cells.keys().map(String::as_str).collect();
            Failure::input(format!("there is no column `{column}`"))
                .at(&record.place)
                .hint(format!("columns: {}", known.join(", ")))
        })?;
        let mut cells = record.cells.clone();
        cells.insert(field.to_owned(), cell);
        Ok(Record { lang: Some(lang.clone()), cells, ..record.clone() })
    };
    spec.columns.iter().map(of_column).collect()
}

/// Checks and divides questions, and words them as prompts.
fn questions(
    cx: &Context<'_>,
    spec: &DatasetSpec,
    mut rows: Vec<Placed<Question>>,
    drops: &mut Drops,
    notes: &mut Vec<String>,
) -> Result<Vec<Placed<Question>>, Failure> {
    if spec.links.is_some() {
        let groups = links::apply(cx.file("links"), &mut rows)?;
        notes.push(format!("{groups} questions have several versions"));
    }
    let total = rows.len();
    let mut by_id = parallel::group(rows);
    if spec.split.is_some() || spec.train_ids.is_some() {
        divide(cx, &spec.split.clone().unwrap_or_default(), &mut by_id, drops)?;
    }
    parallel::align(&mut by_id, spec, drops)?;
    let duplicates = candidates::arrange(&mut by_id, spec, drops)?;
    if duplicates > 0 {
        notes.push(format!(
            "{duplicates} questions have two candidates that read the same in some language; they stay"
        ));
    }
    if spec.against.is_some() {
        overlap::check(&mut by_id, &cx.rows::<Question>("against")?, spec, drops)?;
    }
    if by_id.is_empty() {
        return Err(Failure::input(format!("none of {total} questions is left"))
            .hint(drops.notes().join("; ") + "; rows of different languages belong together by `id`"));
    }
    let mut rows: Vec<Placed<Question>> = by_id.into_values().flatten().collect();
    if let Some(prompt) = &spec.prompt {
        prompt::word(&mut rows, prompt)?;
    }
    Ok(rows)
}

fn divide(
    cx: &Context<'_>,
    split: &split::SplitSpec,
    by_id: &mut IndexMap<String, parallel::Parallel>,
    drops: &Drops,
) -> Result<(), Failure> {
    let first = by_id.values().next().and_then(|parallel| parallel.first());
    let first = first.map(|placed| placed.row.lang.clone()).unwrap_or_default();
    let has = |(id, parallel): (&String, &parallel::Parallel)| {
        parallel.iter().any(|placed| placed.row.lang == first).then(|| id.clone())
    };
    // Records that could not be read count as drawn from: the draw must not depend on what is dropped.
    let mut known: IndexSet<String> = by_id.iter().filter_map(has).collect();
    if drops.unreadable_ids.iter().any(|id| !known.contains(id)) {
        known.extend(drops.unreadable_ids.iter().cloned());
        known.sort_by(|a, b| {
            let number = |id: &String| id.parse::<u64>().unwrap_or(u64::MAX);
            number(a).cmp(&number(b))
        });
    }
    let mut all: IndexSet<String> = by_id.keys().cloned().collect();
    all.extend(known.iter().cloned());
    let list = cx.files.contains_key("train_ids").then(|| cx.file("train_ids"));
    let inside = split.first_part(&known, &all, list)?;
    for (id, parallel) in by_id {
        let name = &split.names[usize::from(!inside.contains(id))];
        for placed in parallel {
            placed.row.split.clone_from(name);
        }
    }
    Ok(())
}

fn write<R: Row>(
    cx: &Context<'_>,
    rows: Vec<Placed<R>>,
    drops: &Drops,
    notes: &[String],
) -> Result<(), Failure> {
    for note in drops.notes().iter().chain(notes) {
        cx.observer.note(note);
    }
    let mut writer = cx.write_rows::<R>(R::KIND.name)?;
    for placed in rows {
        writer.write(&placed.row)?;
    }
    let written = writer.finish()?;
    if written == 0 {
        return Err(Failure::input("none of the records can be read")
            .hint(drops.notes().first().cloned().unwrap_or_default()));
    }
    cx.observer.note(&format!("{written} {}", R::KIND.name));
    Ok(())
}

/// The names of all presets, for hints.
fn presets() -> String {
    BENCHMARKS.iter().map(|benchmark| benchmark.name).collect::<Vec<_>>().join(", ")
}
