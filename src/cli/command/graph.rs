//! `chorale graph`: writes the training graph of a stage as an ONNX file that other programs can run, and checks those that
//! other programs wrote.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueHint};

use crate::{
    artifact::{Artifact, MODEL},
    cli::{args::RecipeArgs, command::run::Engine, exit::Exit, recipe_file, setup::Setup, stop::Stop},
    engine::event::Status,
    failure::{Cause, Failure, bug},
    plan::{Node, Plan},
    train::{Settings, foreign},
};

/// Arguments of `graph`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  chorale graph export recipes/quickstart.toml dpo\n  chorale graph check decoder.onnx"
)]
pub struct GraphArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GraphCommand,
}

/// What to do with graphs.
#[derive(Debug, Subcommand)]
pub enum GraphCommand {
    /// Write the training graph of a stage: STAGE.onnx, its weights, and a description of inputs and outputs
    Export(ExportArgs),
    /// Say everything that is wrong with a training graph that another tool wrote
    Check(CheckArgs),
    /// Show what a training graph of another tool must keep
    Contract(ContractArgs),
}

/// Arguments of `graph check`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  chorale graph check decoder.onnx\n  chorale graph check decoder.onnx --objective dpo"
)]
pub struct CheckArgs {
    /// The ONNX file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Check also that this objective can be trained with it
    #[arg(long, value_name = "OBJECTIVE")]
    pub objective: Option<String>,
}

/// Arguments of `graph contract`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  chorale graph contract")]
pub struct ContractArgs {}

/// Arguments of `graph export`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale graph export recipes/quickstart.toml dpo\n  \
    chorale graph export recipes/quickstart.toml dpo --output graphs/\n\n\
    The model that the stage starts from is made first, if it is not there yet; the stage itself does not run.\n\
    The file runs unchanged in any ONNX Runtime of the same version, and opens in Netron.")]
pub struct ExportArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// The stage
    #[arg(value_name = "STAGE")]
    pub stage: String,
    /// Where to write
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// Exports.
pub fn run(args: &GraphArgs, setup: &Setup, verbose: u8) -> Result<Exit, Stop> {
    match &args.command {
        GraphCommand::Export(args) => export(args, setup, verbose),
        GraphCommand::Check(args) => check(args, setup),
        GraphCommand::Contract(_) => {
            setup.console.data(foreign::CONTRACT)?;
            Ok(Exit::Success)
        }
    }
}

/// Lists what is wrong with a file, one line each.
fn check(args: &CheckArgs, setup: &Setup) -> Result<Exit, Stop> {
    let objective = match &args.objective {
        None => None,
        Some(name) => Some(Settings::objective(name).ok_or_else(|| {
            Failure::new(Cause::Recipe, format!("unknown objective `{name}`"))
                .hint(format!("known objectives: {}", Settings::objectives().join(", ")))
        })?),
    };
    let problems = foreign::check(&foreign::bytes(&args.file)?, objective);
    if problems.is_empty() {
        setup.console.data(&format!("{}: keeps the contract\n", args.file.display()))?;
        return Ok(Exit::Success);
    }
    for problem in &problems {
        setup.console.data(&format!("{problem}\n"))?;
    }
    let message = format!("`{}` breaks the contract in {} places", args.file.display(), problems.len());
    Err(Failure::input(message).hint("`chorale graph contract` shows what it must keep").into())
}

fn export(args: &ExportArgs, setup: &Setup, verbose: u8) -> Result<Exit, Stop> {
    let console = &setup.console;
    let plan = recipe_file::load(&args.recipe, console)?;
    // The selection says which names there are when this is none of them.
    recipe_file::select(plan.clone(), std::slice::from_ref(&args.stage), console)?;
    let node = plan
        .nodes()
        .iter()
        .find(|node| node.name == args.stage)
        .unwrap_or_else(|| bug("a selected node is in the plan"));
    let inputs = match models(&plan, node, args, setup, verbose)? {
        Ok(inputs) => inputs,
        Err(exit) => return Ok(exit),
    };
    std::fs::create_dir_all(&args.output)
        .map_err(|error| Failure::io(Cause::Input, "create", &args.output, &error))?;
    for path in node.stage.export(&inputs, &args.output, &node.name)? {
        console.data(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Success)
}

/// The models that a stage reads, made if they are not there yet; or how the run that should have made them ended.
fn models(
    plan: &Plan,
    node: &Node,
    args: &ExportArgs,
    setup: &Setup,
    verbose: u8,
) -> Result<Result<BTreeMap<String, Artifact>, Exit>, Stop> {
    let read: Vec<_> = node.inputs.iter().filter(|input| input.kind == MODEL).collect();
    let makers: Vec<String> = read.iter().map(|input| plan.nodes()[input.node].name.clone()).collect();
    if makers.is_empty() {
        return Ok(Ok(BTreeMap::new()));
    }
    let plan = recipe_file::select(plan.clone(), &makers, &setup.console)?;
    let outcome = Engine { recipe: &args.recipe, setup, verbose }.run(&plan)?.1;
    if outcome.status != Status::Succeeded {
        return Ok(Err(Exit::of_run(&outcome)));
    }
    let artifacts = read.iter().zip(&makers).filter_map(|(input, maker)| {
        let artifact = outcome.stage(maker)?.artifacts.get(input.output)?;
        Some((input.field.clone(), artifact.clone()))
    });
    Ok(Ok(artifacts.collect()))
}
