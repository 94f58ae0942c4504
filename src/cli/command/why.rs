//! `chorale why`: what a preference pair was made from: samples, votes, scores, reference, translation, question.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use serde_json::{Value as Json, json};

use super::report::find;
use crate::{
    artifact::row::pair::Pair,
    cli::{
        console::Tone,
        exit::Exit,
        setup::Setup,
        stop::Stop,
        table::{Align, Table, cut},
    },
    engine::RunRecord,
    failure::Failure,
    report::trace::{self, Step, Trace},
};

/// Arguments of `why`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale why capital:JP/sw/0\n  \
    chorale why capital:JP/sw/0 recipes/quickstart.toml\n  \
    chorale why capital:JP/sw/0 --json | jq .steps")]
pub struct WhyArgs {
    /// The pair's id
    #[arg(value_name = "PAIR")]
    pub pair: String,
    /// The recipe whose last run is meant, or a run as in `report` [default: the last run]
    #[arg(value_name = "RECIPE")]
    pub run: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The longest text shown in a cell, in columns of the terminal.
const WIDEST: usize = 72;

/// Traces the pair.
pub fn run(args: &WhyArgs, setup: &Setup) -> Result<Exit, Stop> {
    let console = &setup.console;
    let folder = folder(&setup.cache, args.run.as_deref())?;
    let trace = trace::trace(&folder, &RunRecord::load(&folder)?, &args.pair)?;
    if args.json {
        let Trace { stage, pairs, steps } = &trace;
        console.json(&json!({ "run": folder, "stage": stage, "pairs": pairs, "steps": steps }))?;
        return Ok(Exit::Success);
    }
    let paint = console.out;
    for pair in &trace.pairs {
        let heading = format!("pair {} of stage {}", pair.id, trace.stage);
        console.data(&format!("{}\n", paint.paint(Tone::Strong, cut(&heading, usize::MAX))))?;
        console.data(&indented(&about(pair)))?;
    }
    for step in &trace.steps {
        let heading = format!("{} of stage {}", step.kind, step.stage);
        console.data(&format!("\n{}\n", paint.paint(Tone::Strong, heading)))?;
        console.data(&indented(&rows(step)))?;
    }
    Ok(Exit::Success)
}

/// The folder of the run that is meant: the last one of a recipe, or as `report` finds it.
fn folder(cache: &Path, wanted: Option<&str>) -> Result<PathBuf, Failure> {
    let Some(recipe) = wanted.map(Path::new).filter(|path| path.is_file()) else {
        return find(cache, wanted);
    };
    let same = |path: &Path| match (fs::canonicalize(path), fs::canonicalize(recipe)) {
        (Ok(a), Ok(b)) => a == b,
        _ => path == recipe,
    };
    let entries = fs::read_dir(cache.join("runs")).into_iter().flatten().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    runs.sort();
    let of_recipe = |folder: &PathBuf| RunRecord::load(folder).is_ok_and(|record| same(&record.path));
    runs.into_iter().rfind(of_recipe).ok_or_else(|| {
        Failure::input(format!("`{}` has not been run", recipe.display()))
            .hint(format!("`chorale run {}`", recipe.display()))
    })
}

fn indented(table: &Table) -> String {
    // The heading of a table says nothing that its cells do not.
    table.lines().iter().skip(1).map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat()
}

fn about(pair: &Pair) -> Table {
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    let margin = pair.margin.map(|margin| format!("{margin:.3}")).unwrap_or_default();
    let fields = [
        ("question", &pair.question),
        ("language", &pair.lang),
        ("group", &pair.group),
        ("task", &pair.task),
        ("margin", &margin),
        ("prompt", &pair.prompt),
        ("chosen", &pair.chosen),
        ("rejected", &pair.rejected),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        table.row([name.to_owned(), cut(value, WIDEST)]);
    }
    table
}

/// The rows of one step, a line each; of a vote, also its ballots.
fn rows(step: &Step) -> Table {
    let mut cells_of_rows: Vec<[String; 5]> = Vec::new();
    for row in &step.rows {
        let text = |field: &str| shown(&row[field]);
        let cells = match step.kind.as_str() {
            "votes" => {
                let tied = if row["tied"] == true { ", tied" } else { "" };
                let votes = format!("{} of {} votes{tied}", text("count"), text("total"));
                let example = format!("said in {} sample {}", text("example_lang"), text("example_sample"));
                [text("answer"), votes, example, String::new(), text("example")]
            }
            "questions" => [text("lang"), String::new(), String::new(), String::new(), text("question")],
            "translations" => [
                text("lang"),
                format!("from {}", text("source_lang")),
                String::new(),
                String::new(),
                text("text"),
            ],
            "rankings" => [
                text("lang"),
                format!("best: {}", shown(&row["ranking"][0])),
                String::new(),
                String::new(),
                String::new(),
            ],
            _ => {
                let score =
                    row["score"].as_f64().map(|score| format!("score {score:.3}")).unwrap_or_default();
                let read = match (row["answer"].as_str(), row["dropped"].as_str()) {
                    (Some(answer), _) => format!("answer {answer}"),
                    (None, Some(reason)) => reason.to_owned(),
                    (None, None) => String::new(),
                };
                [
                    text("lang"),
                    format!("sample {}", text("sample")),
                    score,
                    cut(&read, 24),
                    text("completion"),
                ]
            }
        };
        cells_of_rows.push(cells);
        for ballot in row["ballots"].as_array().into_iter().flatten() {
            let of = |field: &str| shown(&ballot[field]);
            let sample = format!("sample {}", of("sample"));
            cells_of_rows.push([of("answer"), of("lang"), sample, String::new(), of("completion")]);
        }
    }
    let used: Vec<usize> =
        (0..5).filter(|column| cells_of_rows.iter().any(|cells| !cells[*column].is_empty())).collect();
    let mut table = Table::new(&vec![("", Align::Left); used.len()]);
    for cells in &cells_of_rows {
        table.row(used.iter().map(|column| cut(&cells[*column], WIDEST)));
    }
    table
}

/// A value as a person writes it.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
