//! `chorale cache`: lists and verifies the store of results.

use clap::{Args as ClapArgs, Subcommand};

use crate::{
    cache::Store,
    cli::{
        console::Tone,
        exit::Exit,
        setup::Setup,
        stop::Stop,
        table::{Align, Table},
    },
    failure::Failure,
    report::measure,
};

/// Arguments of `cache`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  chorale cache ls\n  chorale cache verify --cache /data/chorale")]
pub struct CacheArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// List finished work: what it wrote, how long it took, whose last work it is
    #[command(after_help = "Examples:\n  chorale cache ls\n  chorale cache ls --json | jq '.[].seconds'")]
    Ls {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Hash everything in the store and compare it with what was recorded; changes nothing
    #[command(after_help = "Examples:\n  chorale cache verify\n  chorale cache verify --json")]
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Lists or verifies.
pub fn run(args: &CacheArgs, setup: &Setup) -> Result<Exit, Stop> {
    if !setup.cache.exists() {
        return Err(Failure::store(format!("there is no store at `{}`", setup.shown_cache()))
            .hint("name its folder with `--cache DIR`; a run creates it")
            .into());
    }
    let store = Store::open(&setup.cache)?;
    match args.command {
        CacheCommand::Ls { json } => list(&store, setup, json),
        CacheCommand::Verify { json } => verify(&store, setup, json),
    }
}

fn list(store: &Store, setup: &Setup, json: bool) -> Result<Exit, Stop> {
    let listed = store.list()?;
    if json {
        setup.console.json(&listed)?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new(&[
        ("kind", Align::Left),
        ("key", Align::Left),
        ("size", Align::Right),
        ("took", Align::Right),
        ("last work of", Align::Left),
    ]);
    for work in &listed {
        let bytes = work.outputs.values().map(|output| output.bytes).sum();
        let latest = match work.latest_of.as_slice() {
            [] => "-".to_owned(),
            some => some.join(" "),
        };
        table.row([
            work.kind.clone(),
            work.key.short(),
            measure::bytes(bytes),
            measure::duration(work.seconds),
            latest,
        ]);
    }
    setup.console.data(&(table.lines().join("\n") + "\n"))?;
    Ok(Exit::Success)
}

fn verify(store: &Store, setup: &Setup, json: bool) -> Result<Exit, Stop> {
    let found = store.verify()?;
    let exit = if found.damage.is_empty() { Exit::Success } else { Exit::Store };
    let console = &setup.console;
    if json {
        console.json(&found)?;
        return Ok(exit);
    }
    for damage in &found.damage {
        let file = console.out.paint(Tone::Strong, &damage.file);
        console.data(&format!("{} {file}: {}\n", console.out.paint(Tone::Bad, "damaged"), damage.what))?;
    }
    let counted = format!(
        "{} records, {} objects, {}: ",
        measure::count(found.records as u64),
        measure::count(found.objects as u64),
        measure::bytes(found.bytes)
    );
    let verdict = match found.damage.len() {
        0 => "all as recorded".to_owned(),
        count => format!("{count} damaged; runs that need them compute them again"),
    };
    console.data(&format!("{counted}{verdict}\n"))?;
    Ok(exit)
}
