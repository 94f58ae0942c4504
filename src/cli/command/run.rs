//! `chorale run`: runs what is not done yet, shows it, and ends with the numbers and the report.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::{
    cache::Store,
    cli::{
        args::RecipeArgs, exit::Exit, interrupt, log, models, recipe_file, setup::Setup, stop::Stop, summary,
        terminal,
    },
    engine::{
        self,
        outcome::{RunOutcome, StageOutcome},
    },
    failure::{Cause, Failure},
    hub::Listener,
    plan::Plan,
    recipe::Sources,
    report,
    runtime::LazyRuntime,
};

/// Arguments of `run`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale run recipes/quickstart.toml\n  \
    chorale run recipes/quickstart.toml --set params.beta=0.2\n  \
    chorale run recipes/quickstart.toml --only pairs\n\n\
    Ctrl-C stops cleanly, a second Ctrl-C at once; the same command then goes on where it stopped.")]
pub struct RunArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Only this node and what it needs (may be repeated)
    #[arg(long, value_name = "NODE")]
    pub only: Vec<String>,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Runs a recipe.
pub fn run(args: &RunArgs, setup: &Setup, verbose: u8) -> Result<Exit, Stop> {
    let console = &setup.console;
    let plan = recipe_file::select(recipe_file::load(&args.recipe, console)?, &args.only, console)?;
    let (store, outcome) = Engine { recipe: &args.recipe, setup, verbose }.run(&plan)?;
    finish(args, setup, &store, &outcome)
}

/// Everything around a run that a user sees: bars, log lines, Ctrl-C.
pub(super) struct Engine<'a> {
    /// The recipe the plan was made from.
    pub(super) recipe: &'a RecipeArgs,
    /// The surroundings.
    pub(super) setup: &'a Setup,
    /// How often `--verbose` was given.
    pub(super) verbose: u8,
}

impl Engine<'_> {
    /// Runs a plan and tells it.
    pub(super) fn run(&self, plan: &Plan) -> Result<(Store, RunOutcome), Stop> {
        let console = self.setup.console;
        let screen = terminal::screen(&console);
        log::start(self.setup, self.verbose, &screen)?;
        let cancelled = interrupt::flag(console, screen.clone())?;
        let note: Listener = {
            let screen = screen.clone();
            Arc::new(move |text: &str| screen.suspend(|| console.say(format!("{:>10} {text}", "note"))))
        };
        let runtime = LazyRuntime::new(self.setup.runtime(Some(note.clone()))?);
        let store = Store::open(&self.setup.cache)?;
        let settings = settings(self.recipe, self.setup, &cancelled, &runtime)?;
        let mut plan = plan.clone();
        models::fetch(&mut plan, &self.recipe.recipe, &self.setup.hub(), &note, &cancelled)?;
        let locate = Box::new(recipe_file::locator(self.recipe));
        let mut terminal = terminal::Terminal::new(console, screen, locate);
        let outcome = engine::run(&plan, &store, &mut terminal, &settings);
        Ok((store, outcome))
    }
}

/// What the engine needs to know about a recipe and its surroundings.
pub(super) fn settings<'a>(
    recipe: &RecipeArgs,
    setup: &Setup,
    cancelled: &'a AtomicBool,
    runtime: &'a LazyRuntime,
) -> Result<engine::Settings<'a>, Failure> {
    Ok(engine::Settings {
        path: recipe.recipe.clone(),
        text: recipe_text(recipe)?,
        overrides: recipe.set.clone(),
        versions: versions(setup),
        threads: setup.threads,
        cancelled,
        runtime,
        secrets: crate::cli::setup::secret,
    })
}

/// Report, numbers, and the exit.
fn finish(args: &RunArgs, setup: &Setup, store: &Store, outcome: &RunOutcome) -> Result<Exit, Stop> {
    let console = &setup.console;
    let page = match &outcome.folder {
        Some(folder) if outcome.fresh || !report::page_of(folder).exists() => {
            Some(report::write(folder, store)?)
        }
        Some(folder) => Some(report::page_of(folder)),
        None => None,
    };
    let contents = report::contents(outcome)?;
    if args.json {
        console.json(&outcome_json(outcome, page.as_ref(), &contents))?;
    } else {
        for text in summary::tables(&contents, console.out) {
            console.data(&format!("\n{text}"))?;
        }
        if let Some(page) = &page {
            console.data(&format!("\nreport: {}\n", page.display()))?;
        }
    }
    Ok(Exit::of_run(outcome))
}

fn outcome_json(
    outcome: &RunOutcome,
    page: Option<&PathBuf>,
    contents: &[report::content::ReportContent],
) -> Value {
    json!({
        "status": outcome.status,
        "seconds": outcome.seconds,
        "folder": outcome.folder,
        "report": page,
        "headline": contents.iter().map(|content| json!({
            "title": content.title, "labels": content.labels, "rows": content.headline,
        })).collect::<Vec<_>>(),
        "stages": outcome.stages.iter().map(stage_json).collect::<Vec<_>>(),
    })
}

fn stage_json(stage: &StageOutcome) -> Value {
    json!({
        "name": stage.name,
        "end": stage.end,
        "key": stage.key,
        "reasons": stage.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "seconds": stage.record.as_ref().map(|record| record.seconds),
        "outputs": stage.record.as_ref().map(|record| &record.outputs),
        "failure": stage.failure.as_ref().map(|failure| json!({
            "message": failure.message, "hint": failure.hint,
        })),
    })
}

fn recipe_text(recipe: &RecipeArgs) -> Result<String, Failure> {
    let sources = Sources::read(&recipe.recipe, &[]);
    let sources = sources.map_err(|problem| Failure::new(Cause::Recipe, problem.message))?;
    Ok(sources.text_of_files())
}

fn versions(setup: &Setup) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("device".to_owned(), setup.device.clone()),
        ("threads".to_owned(), setup.threads.to_string()),
        ("system".to_owned(), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
    ])
}
