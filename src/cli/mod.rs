//! The edge: the only module that reads arguments or the environment, or prints.
//!
//! In: what the user typed ([`args`]), completed by the environment ([`setup`]). Out: text on a terminal ([`console`],
//! [`table`]) and one exit code of a documented table ([`exit`]). Each verb is one file in [`command`].
//!
//! # Invariants
//! - Nothing below this module prints, reads the environment or ends the process.
//! - Data goes to standard output, everything else to standard error.

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Args, Command},
    exit::Exit,
    setup::Setup,
    stop::Stop,
};

pub mod args;
pub mod command;
pub mod console;
pub mod exit;
pub mod interrupt;
pub mod log;
pub mod models;
pub mod recipe_file;
pub mod setup;
pub mod stop;
pub mod summary;
pub mod table;
pub mod terminal;

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version arrive here too. A terminal that went away cannot be told.
            let _ = error.print();
            return if error.use_stderr() { Exit::Recipe.into() } else { Exit::Success.into() };
        }
    };
    let setup = Setup::new(&args.global);
    dispatch(&args.command, &setup, args.global.verbose)
        .unwrap_or_else(|stop| match stop {
            Stop::Told(exit) => exit,
            Stop::Failed(failure) => {
                setup.console.failure(&failure);
                Exit::of(failure.cause)
            }
        })
        .into()
}

fn dispatch(command: &Command, setup: &Setup, verbose: u8) -> Result<Exit, Stop> {
    match command {
        Command::Check(args) => command::check::run(args, setup),
        Command::Plan(args) => command::plan::run(args, setup),
        Command::Explain(args) => command::explain::run(args, setup),
        Command::Report(args) => command::report::run(args, setup),
        Command::Why(args) => command::why::run(args, setup),
        Command::Schema(args) => command::schema::run(args, setup),
        Command::Runtime(args) => command::runtime::run(args, setup),
        Command::Graph(args) => command::graph::run(args, setup, verbose),
        Command::Run(args) => command::run::run(args, setup, verbose),
        Command::Cache(args) => command::cache::run(args, setup),
        Command::Completions(args) => command::completions::run(args, setup),
    }
}
