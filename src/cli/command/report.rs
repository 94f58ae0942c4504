//! `chorale report`: writes the HTML report of an earlier run again.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use crate::{
    cache::Store,
    cli::{exit::Exit, setup::Setup, stop::Stop, summary},
    engine::RunRecord,
    failure::{Cause, Failure},
    report,
};

/// Arguments of `report`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale report\n  \
    chorale report 2026-11-21T03-14-26Z-3fa91c\n  \
    chorale report --json | jq -r .report")]
pub struct ReportArgs {
    /// The run: the name of its folder, its beginning, or a path [default: the last run]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Writes the report.
pub fn run(args: &ReportArgs, setup: &Setup) -> Result<Exit, Stop> {
    let console = &setup.console;
    let folder = find(&setup.cache, args.run.as_deref())?;
    let store = Store::open(&setup.cache)?;
    let record = RunRecord::load(&folder)?;
    let page = report::write(&folder, &store)?;
    let contents = report::recorded(&folder, &record)?;
    if args.json {
        console.json(&json!({ "run": folder, "report": page, "record": record, "contents": contents }))?;
        return Ok(Exit::Success);
    }
    for text in summary::tables(&contents, console.out) {
        console.data(&format!("{text}\n"))?;
    }
    console.data(&format!("report: {}\n", page.display()))?;
    Ok(Exit::Success)
}

/// The folder of a run. Names begin with the time, so the last one is the greatest.
pub(super) fn find(cache: &Path, wanted: Option<&str>) -> Result<PathBuf, Failure> {
    let runs = cache.join("runs");
    if let Some(path) = wanted.map(Path::new).filter(|path| path.join("record.json").is_file()) {
        return Ok(path.to_owned());
    }
    let mut names: Vec<String> = match std::fs::read_dir(&runs) {
        Ok(entries) => entries
            .flatten()
            .filter(|entry| entry.path().join("record.json").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Failure::io(Cause::Store, "list", &runs, &error)),
    };
    names.sort();
    let missing = |what: String| {
        let hint = match names.last() {
            Some(last) => format!("the last run is `{last}`"),
            None => "runs appear here after `chorale run RECIPE`".to_owned(),
        };
        Failure::input(what).hint(hint)
    };
    let Some(wanted) = wanted else {
        return names
            .last()
            .map(|name| runs.join(name))
            .ok_or_else(|| missing(format!("there is no run in `{}`", runs.display())));
    };
    let matching: Vec<&String> = names.iter().filter(|name| name.starts_with(wanted)).collect();
    match matching.as_slice() {
        [one] => Ok(runs.join(one)),
        [] => Err(missing(format!("there is no run `{wanted}` in `{}`", runs.display()))),
        several => Err(Failure::input(format!("{} runs begin with `{wanted}`", several.len()))
            .hint(format!("such as `{}`", several[0]))),
    }
}
