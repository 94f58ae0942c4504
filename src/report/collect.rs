//! Gathers what a page shows from the folder of a run: its record, its recipe, and the documents of its report stages.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    content::ReportContent,
    measure,
    page::{NodeState, NodeView, RunView},
};
use crate::{
    artifact::REPORT,
    cache::{Output, StaleReason, Store},
    engine::{
        RunRecord, StageRecord,
        event::Status,
        outcome::{RunOutcome, StageEnd},
    },
    failure::{Cause, Failure},
};

/// The documents of the report stages of a run that has just ended, in plan order.
pub fn contents(outcome: &RunOutcome) -> Result<Vec<ReportContent>, Failure> {
    let artifacts = outcome.stages.iter().flat_map(|stage| stage.artifacts.values());
    let documents = artifacts.filter(|artifact| artifact.kind == REPORT);
    documents.flat_map(|artifact| artifact.files.values()).map(|path| document(path)).collect()
}

/// The documents of the report stages of an earlier run, in plan order.
pub fn recorded(folder: &Path, record: &RunRecord) -> Result<Vec<ReportContent>, Failure> {
    let mut contents = Vec::new();
    for stage in &record.stages {
        for (port, _) in stage.outputs.iter().filter(|(_, output)| output.kind == REPORT.name) {
            contents.push(document(&folder.join("outputs").join(&stage.name).join(format!("{port}.json")))?);
        }
    }
    Ok(contents)
}

fn document(path: &Path) -> Result<ReportContent, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::io(Cause::Store, "read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::store(format!("`{}` is not the content of a report: {error}", path.display()))
    })
}

/// The run of `folder`, for people. `store` knows what the keys of its stages were made from.
pub(super) fn run(folder: &Path, record: &RunRecord, store: &Store) -> Result<RunView, Failure> {
    let path = folder.join("recipe.toml");
    let recipe_text =
        fs::read_to_string(&path).map_err(|error| Failure::io(Cause::Store, "read", &path, &error))?;
    let places: BTreeMap<&str, usize> =
        record.stages.iter().enumerate().map(|(index, stage)| (stage.name.as_str(), index)).collect();
    Ok(RunView {
        run: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        recipe: record.recipe.clone(),
        recipe_path: record.path.display().to_string(),
        recipe_text: recipe_text.clone(),
        started: record.started.clone(),
        status: match record.status {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Cancelled => "stopped",
        }
        .to_owned(),
        seconds: Some(record.seconds),
        facts: facts(record, store),
        defaults: super::defaults::of(record, store, &recipe_text),
        nodes: record.stages.iter().map(|stage| node(stage, &places)).collect(),
    })
}

fn node(stage: &StageRecord, places: &BTreeMap<&str, usize>) -> NodeView {
    let told = stage.reasons.iter().filter(|reason| **reason != StaleReason::New);
    let reasons: Vec<String> = told.map(ToString::to_string).collect();
    NodeView {
        name: stage.name.clone(),
        kind: stage.kind.clone(),
        inputs: stage.needs.iter().filter_map(|name| places.get(name.as_str()).copied()).collect(),
        state: match stage.end {
            StageEnd::Cached => NodeState::Cached,
            StageEnd::Finished => NodeState::Finished,
            StageEnd::Failed => NodeState::Failed,
            StageEnd::Blocked => NodeState::Blocked,
            StageEnd::Cancelled => NodeState::Stopped,
        },
        seconds: stage.seconds,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        notes: stage.notes.clone(),
        wrote: stage.outputs.values().map(output).collect(),
        failure: stage.failure.as_ref().map(|failure| match &failure.hint {
            Some(hint) => format!("{} (hint: {hint})", failure.message),
            None => failure.message.clone(),
        }),
    }
}

/// What was written to a port, in a few words: `12,303 texts`, `model (8.9 MB)`.
pub fn output(output: &Output) -> String {
    match output.rows {
        Some(rows) => format!("{} {}", measure::count(rows), output.kind),
        None => format!("{} ({})", output.kind, measure::bytes(output.bytes)),
    }
}

/// Versions, devices, overrides: what somebody needs who wants the same numbers elsewhere.
fn facts(record: &RunRecord, store: &Store) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    facts.extend(record.versions.iter().map(|(name, version)| (name.clone(), version.clone())));
    let known = record.stages.iter().filter_map(|stage| store.record(&stage.kind, stage.key?));
    let runtimes =
        known.filter_map(|record| record.explanation.0.get("runtime")?.as_str().map(str::to_owned));
    let mut runtimes: Vec<String> = runtimes.collect();
    runtimes.sort();
    runtimes.dedup();
    facts.extend(runtimes.into_iter().map(|runtime| ("runtime".to_owned(), runtime)));
    facts.extend(record.overrides.iter().map(|text| ("--set".to_owned(), text.clone())));
    facts.push(("recipe digest".to_owned(), record.digest.clone()));
    facts
}
