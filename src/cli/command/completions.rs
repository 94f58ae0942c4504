//! `chorale completions`: prints what a shell needs to complete chorale's command line.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use crate::cli::{args::Args, exit::Exit, setup::Setup, stop::Stop};

/// Arguments of `completions`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale completions bash > ~/.local/share/bash-completion/completions/chorale\n  \
    chorale completions zsh > ~/.zfunc/_chorale\n  \
    chorale completions fish > ~/.config/fish/completions/chorale.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the completions.
pub fn run(args: &CompletionsArgs, setup: &Setup) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "chorale", &mut script);
    setup.console.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
