//! `chorale schema`: the JSON Schema of recipes, for editors and other tools.

use clap::Args as ClapArgs;

use crate::{
    cli::{exit::Exit, setup::Setup, stop::Stop},
    plan,
    stage::kinds::KINDS,
};

/// Arguments of `schema`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  chorale schema > schemas/recipe.json\n\n\
    Editors with TOML support complete and check recipes that begin with `#:schema PATH/recipe.json`.")]
pub struct SchemaArgs {}

/// Prints the schema.
pub fn run(_: &SchemaArgs, setup: &Setup) -> Result<Exit, Stop> {
    setup.console.data(&plan::schema::recipe_text(KINDS))?;
    Ok(Exit::Success)
}
