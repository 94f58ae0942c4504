//! `chorale check`: everything that is wrong with recipes, all at once, without running anything.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueHint};
use serde_json::json;

use crate::{
    cli::{console::Tone, exit::Exit, recipe_file, setup::Setup, stop::Stop},
    diagnostic::Diagnostic,
    plan,
    stage::kinds::KINDS,
};

/// Arguments of `check`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale check recipes/quickstart.toml\n  \
    chorale check recipes/*.toml --json")]
pub struct CheckArgs {
    /// The recipe files
    #[arg(value_name = "RECIPE", required = true, value_hint = ValueHint::FilePath)]
    pub recipes: Vec<PathBuf>,
    /// Change a value of the recipe, such as `params.beta=0.2`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Print JSON: `{"ok": ..., "problems": [{"severity", "message", "file", "line", "column", ...}]}`
    #[arg(long)]
    pub json: bool,
}

/// Checks.
pub fn run(args: &CheckArgs, setup: &Setup) -> Result<Exit, Stop> {
    let console = &setup.console;
    let (mut wrong, mut problems): (usize, Vec<Diagnostic>) = (0, Vec::new());
    for path in &args.recipes {
        let found = match plan::load(path, &args.set, KINDS) {
            Ok(plan) => {
                if !args.json {
                    let verdict = console.err.paint(Tone::Good, "ok");
                    console.say(format!(
                        "{}: {verdict}, {} nodes in order",
                        path.display(),
                        plan.nodes().len()
                    ));
                }
                plan.warnings
            }
            Err(errors) => {
                wrong += 1;
                errors
            }
        };
        problems.extend(found);
    }
    if args.json {
        console.json(&json!({ "ok": wrong == 0, "problems": problems }))?;
    } else {
        recipe_file::show(&problems, console);
    }
    Ok(if wrong == 0 { Exit::Success } else { Exit::Recipe })
}
