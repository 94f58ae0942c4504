//! `chorale runtime`: sees and installs the ONNX Runtime library.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args as ClapArgs, Subcommand, ValueHint};
use serde_json::json;

use crate::{
    cli::{exit::Exit, setup::Setup, stop::Stop},
    runtime::{self, Install, PINNED_VERSION, Variant},
};

/// Arguments of `runtime`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  chorale runtime status\n  chorale runtime install\n\n\
    The library is looked for in this order: `--runtime` or CHORALE_RUNTIME, the one chorale fetched, \
    ORT_DYLIB_PATH, the system's folders. A run that finds none fetches it once, with pip.")]
pub struct RuntimeArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RuntimeCommand,
}

/// What to do with the runtime.
#[derive(Debug, Subcommand)]
pub enum RuntimeCommand {
    /// Say which library a run would use; fetches nothing
    #[command(
        after_help = "Examples:\n  chorale runtime status\n  chorale runtime status --json | jq -r .path"
    )]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch the pinned library once, check its digest and unpack it
    #[command(after_help = "Examples:\n  \
        chorale runtime install\n  \
        chorale runtime install --cuda\n  \
        chorale runtime install --from onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl\n\n\
        A machine without network takes the wheel from another one with `--from`.")]
    Install {
        /// The CUDA build
        #[arg(long)]
        cuda: bool,
        /// A wheel file to use instead of fetching one
        #[arg(long, value_name = "FILE.whl", value_hint = ValueHint::FilePath)]
        from: Option<PathBuf>,
    },
}

/// Sees or installs.
pub fn run(args: &RuntimeArgs, setup: &Setup) -> Result<Exit, Stop> {
    match &args.command {
        RuntimeCommand::Status { json } => status(setup, *json),
        RuntimeCommand::Install { cuda, from } => {
            let console = setup.console;
            let settings = setup.runtime(Some(Arc::new(move |text: &str| console.say(text))))?;
            let variant = if *cuda { Variant::Cuda } else { Variant::Cpu };
            let installed = runtime::install(&settings, &Install { variant, from: from.clone() })?;
            console.data(&format!("{}\n", installed.path.display()))?;
            if let Some(needs) = installed.variant.needs() {
                console.say(needs);
            }
            Ok(Exit::Success)
        }
    }
}

fn status(setup: &Setup, json: bool) -> Result<Exit, Stop> {
    let console = &setup.console;
    let settings = setup.runtime(None)?;
    let found = runtime::status(&settings)?.found;
    if json {
        console.json(&json!({
            "found": found.is_some(),
            "path": found.as_ref().map(|found| &found.path),
            "origin": found.as_ref().map(|found| found.origin.about()),
            "pinned": PINNED_VERSION,
            "device": setup.device,
        }))?;
        return Ok(Exit::Success);
    }
    match found {
        Some(found) => console.data(&format!("{} ({})\n", found.path.display(), found.origin.about()))?,
        None => console.data(&format!(
            "none yet: the first run that needs it fetches onnxruntime {PINNED_VERSION}, or `chorale runtime install`\n"
        ))?,
    }
    console.data(&format!("device: {}, threads: {}\n", setup.device, setup.threads))?;
    Ok(Exit::Success)
}
