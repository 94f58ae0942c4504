//! `chorale graph`: writes the training graph of a stage as an ONNX file that other programs can run.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueHint};

use crate::{
    artifact::{Artifact, MODEL},
    cli::{args::RecipeArgs, command::run::Engine, exit::Exit, recipe_file, setup::Setup, stop::Stop},
    engine::event::Status,
    failure::{Cause, Failure, bug},
    plan::{Node, Plan},
};

/// Arguments of `graph`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  chorale graph export recipes/quickstart.toml dpo")]
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
}

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
    let GraphCommand::Export(args) = &args.command;
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
