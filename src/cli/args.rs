//! What the user typed, checked for form only: no file is opened and no environment read here.

use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};

use super::{command, exit};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "chorale",
    version,
    about = "Run experiments in cross-lingual consistency alignment from one recipe file",
    long_about = "Run experiments in cross-lingual consistency alignment from one recipe file.\n\n\
        A recipe (TOML) names data, models and stages. chorale runs what has changed since the last run, keeps every \
        result by the content of what went into it, and writes an HTML report.",
    after_help = after_help(),
    arg_required_else_help = true,
    disable_help_subcommand = true,
    infer_subcommands = false
)]
pub struct Args {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Folder of results [default: `./cache`, or `CHORALE_CACHE`]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cache: Option<PathBuf>,
    /// ONNX Runtime library to use [default: `CHORALE_RUNTIME`, or the one chorale fetched]
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub runtime: Option<PathBuf>,
    /// Where models run: `auto`, `cpu`, `cuda` or `cuda:N` [default: `auto`, or `CHORALE_DEVICE`]
    #[arg(long, global = true, value_name = "DEVICE")]
    pub device: Option<String>,
    /// CPU threads [default: as many as the machine has cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// When to use colours; `auto` means on terminals and unless `NO_COLOR` is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto, hide_possible_values = false)]
    pub color: ColorWhen,
    /// Say only what failed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On terminals, unless `NO_COLOR` is set or `TERM` is `dumb`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A recipe with what the command line changes about it.
#[derive(Clone, Debug, ClapArgs)]
pub struct RecipeArgs {
    /// The recipe file
    #[arg(value_name = "RECIPE", value_hint = ValueHint::FilePath)]
    pub recipe: PathBuf,
    /// Change a value of the recipe, such as `params.beta=0.2` or `stage.dpo.epochs=1`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}

/// The verbs, one file each in `cli/command/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a recipe: all its mistakes at once, each with its place
    Check(command::check::CheckArgs),
    /// Show what a recipe would run, and in which order
    Plan(command::plan::PlanArgs),
    /// Run a recipe: what is done already is not done again
    Run(command::run::RunArgs),
    /// Say why stages would run again, or what a result was made from
    Explain(command::explain::ExplainArgs),
    /// Write the HTML report of an earlier run again
    Report(command::report::ReportArgs),
    /// Show what a preference pair of a run was made from
    Why(command::why::WhyArgs),
    /// Print the JSON Schema of recipes, for editors
    Schema(command::schema::SchemaArgs),
    /// Write training graphs for other programs
    Graph(command::graph::GraphArgs),
    /// See or install the ONNX Runtime library
    Runtime(command::runtime::RuntimeArgs),
    /// See or verify the store of results
    Cache(command::cache::CacheArgs),
    /// Print completions for a shell
    Completions(command::completions::CompletionsArgs),
}

fn after_help() -> String {
    format!(
        "Examples:\n  \
        chorale run recipes/quickstart.toml\n  \
        chorale run recipes/quickstart.toml --set params.beta=0.2\n  \
        chorale check recipes/*.toml\n  \
        chorale runtime install\n\n{}\n\
        Environment: CHORALE_CACHE, CHORALE_RUNTIME, CHORALE_DEVICE, ORT_DYLIB_PATH, CHORALE_LOG (as `--verbose`, by module), NO_COLOR",
        exit::help()
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example() {
        fn visit(command: &clap::Command, seen: &mut usize) {
            for verb in command.get_subcommands() {
                let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("chorale "), "no example for `{}`", verb.get_name());
                *seen += 1;
                visit(verb, seen);
            }
        }
        let mut seen = 0;
        visit(&Args::command(), &mut seen);
        assert!(seen >= 14, "{seen} verbs");
    }
}
