//! `chorale plan`: what a recipe would run, and in which order.

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::{args::RecipeArgs, exit::Exit, recipe_file, setup::Setup, stop::Stop};

/// Arguments of `plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale plan recipes/quickstart.toml\n  \
    chorale plan recipes/quickstart.toml --only pairs\n  \
    chorale plan recipes/quickstart.toml --format dot | dot -Tsvg > plan.svg")]
pub struct PlanArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Only this node and what it needs (may be repeated)
    #[arg(long, value_name = "NODE")]
    pub only: Vec<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// How to show a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For scripts: every node with its settings, defaults written out.
    Json,
    /// For Graphviz.
    Dot,
}

/// Shows the plan.
pub fn run(args: &PlanArgs, setup: &Setup) -> Result<Exit, Stop> {
    let console = &setup.console;
    let plan = recipe_file::select(recipe_file::load(&args.recipe, console)?, &args.only, console)?;
    match if args.json { Format::Json } else { args.format } {
        Format::Text => console.data(&plan.text())?,
        Format::Json => console.json(&plan.json())?,
        Format::Dot => console.data(&plan.dot())?,
    }
    Ok(Exit::Success)
}
