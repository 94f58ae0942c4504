//! Traces a preference pair of a run back to what it was made from: the rows of earlier stages that are about its question.
//!
//! The stages before the one that wrote the pair are walked in the plan's order; of each output of rows, those that belong to the
//! pair's question are kept, and of rows in one language alone, those in the pair's language, the reference's or the winner's.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    artifact::row::{Row, pair::Pair},
    engine::{RunRecord, StageRecord},
    failure::{Cause, Failure},
};

/// A pair with everything of its run that is about its question.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The stage that wrote the pair.
    pub stage: String,
    /// The pair, and further pairs of its group.
    pub pairs: Vec<Pair>,
    /// What it was made from, in plan order.
    pub steps: Vec<Step>,
}

/// Rows of one output.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The stage that wrote them.
    pub stage: String,
    /// Their kind.
    pub kind: String,
    /// The rows, as they are.
    pub rows: Vec<Json>,
}

/// Traces the pair `id` of the run in `folder`. Of several stages that wrote such a pair, the first counts.
pub fn trace(folder: &Path, record: &RunRecord, id: &str) -> Result<Trace, Failure> {
    let mut known = Vec::new();
    for (stage, port) in outputs(record, |kind| kind == Pair::KIND.name) {
        let path = path(folder, stage, port);
        let found = matching(&path, id, |row| row["id"] == id)?;
        let Some(pair) = found.into_iter().next() else {
            known.extend(first(&path)?);
            continue;
        };
        let of_group =
            |row: &Json| row["id"] == id || (!pair["group"].is_null() && row["group"] == pair["group"]);
        let mark = pair["group"].as_str().unwrap_or(id);
        let pairs = matching(&path, mark, of_group)?;
        let pairs = pairs.into_iter().map(|row| typed(row, &path)).collect::<Result<Vec<Pair>, Failure>>()?;
        let steps = steps(folder, record, stage, &pairs)?;
        return Ok(Trace { stage: stage.name.clone(), pairs, steps });
    }
    let failure = Failure::input(format!("no pair of the run `{}` is called `{id}`", folder.display()));
    Err(failure.hint(match known.first() {
        Some(other) => format!("ids look like `{other}`"),
        None => "the run has no stage of kind `pairs`".to_owned(),
    }))
}

/// The outputs of a run whose kind is wanted: stage and port.
fn outputs<'r>(
    record: &'r RunRecord,
    wanted: impl Fn(&str) -> bool + 'r,
) -> impl Iterator<Item = (&'r StageRecord, &'r str)> {
    record.stages.iter().flat_map(move |stage| {
        let ports = stage.outputs.iter().filter(|(_, output)| wanted(&output.kind));
        ports.map(move |(port, _)| (stage, port.as_str())).collect::<Vec<_>>()
    })
}

fn path(folder: &Path, stage: &StageRecord, port: &str) -> std::path::PathBuf {
    folder.join("outputs").join(&stage.name).join(format!("{port}.jsonl"))
}

/// Everything before `stage` that is about the pairs' question.
fn steps(
    folder: &Path,
    record: &RunRecord,
    stage: &StageRecord,
    pairs: &[Pair],
) -> Result<Vec<Step>, Failure> {
    /// Kinds of rows that are about a question.
    const ABOUT: [&str; 8] =
        ["questions", "completions", "answers", "votes", "rankings", "references", "scores", "translations"];
    let mut before: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = stage.needs.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if before.insert(name) {
            let needs =
                record.stages.iter().filter(|stage| stage.name == name).flat_map(|stage| &stage.needs);
            open.extend(needs.map(String::as_str));
        }
    }
    let question = pairs.first().map(|pair| pair.question.as_str()).unwrap_or_default();
    if question.is_empty() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for (stage, port) in outputs(record, |kind| ABOUT.contains(&kind)) {
        if before.contains(stage.name.as_str()) {
            let rows = matching(&path(folder, stage, port), question, |row| row["id"] == question)?;
            let kind = stage.outputs[port].kind.clone();
            steps.push(Step { stage: stage.name.clone(), kind, rows });
        }
    }
    let langs = languages(&steps, pairs);
    for step in &mut steps {
        let shown = |row: &Json| row["lang"].as_str().is_none_or(|lang| langs.contains(lang));
        step.rows.retain(|row| shown(row) || step.kind == "rankings");
    }
    steps.retain(|step| !step.rows.is_empty());
    Ok(steps)
}

/// The languages that had to do with the pairs: their own, the winner's, the reference's.
fn languages(steps: &[Step], pairs: &[Pair]) -> BTreeSet<String> {
    let mut languages: BTreeSet<String> = pairs.iter().map(|pair| pair.lang.clone()).collect();
    for step in steps {
        for row in &step.rows {
            let of = match step.kind.as_str() {
                "votes" => &row["example_lang"],
                "references" => &row["lang"],
                _ => continue,
            };
            languages.extend(of.as_str().map(str::to_owned));
        }
    }
    languages
}

/// The rows of a file that fit. Lines without `mark` are not parsed: files may be large.
fn matching(path: &Path, mark: &str, fits: impl Fn(&Json) -> bool) -> Result<Vec<Json>, Failure> {
    let mark = Json::from(mark).to_string();
    let mut rows = Vec::new();
    for (number, line) in lines(path)?.enumerate() {
        let line = line.map_err(|error| Failure::io(Cause::Store, "read", path, &error))?;
        if !line.contains(&mark) {
            continue;
        }
        let row: Json = serde_json::from_str(&line).map_err(|error| {
            Failure::store(format!("not a row: {error}")).at(format!("{}:{}", path.display(), number + 1))
        })?;
        if fits(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The id of the first row of a file.
fn first(path: &Path) -> Result<Option<String>, Failure> {
    let line = lines(path)?.next().and_then(Result::ok).unwrap_or_default();
    let row: Json = serde_json::from_str(&line).unwrap_or_default();
    Ok(row["id"].as_str().map(str::to_owned))
}

fn lines(path: &Path) -> Result<std::io::Lines<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|error| Failure::io(Cause::Store, "open", path, &error))?;
    Ok(BufReader::new(file).lines())
}

fn typed<R: Row>(row: Json, path: &Path) -> Result<R, Failure> {
    serde_json::from_value(row).map_err(|error| {
        Failure::store(format!("not a row of kind `{}`: {error}", R::KIND.name)).at(path.display())
    })
}
