//! Log lines on standard error, above the bars: warnings only, unless the user asked for more.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::{console::Volume, setup::Setup};
use crate::failure::{Cause, Failure};

/// Starts logging for the whole process.
pub fn start(setup: &Setup, verbose: u8, screen: &MultiProgress) -> Result<(), Failure> {
    let level = match (setup.console.volume, verbose) {
        (Volume::Quiet, _) => "error",
        (Volume::Normal, _) => "warn",
        (Volume::Verbose, 0 | 1) => "chorale=info,warn",
        (Volume::Verbose, _) => "chorale=debug,info",
    };
    let wanted = setup.log.as_deref().unwrap_or(level);
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::new(Cause::Recipe, format!("`CHORALE_LOG` cannot be read: {error}: {wanted}"))
            .hint("such as `info` or `chorale::train=debug`")
    })?;
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveBars(screen.clone()))
        .with_ansi(setup.console.err.on)
        .with_target(true)
        .without_time()
        .try_init();
    // Only a second start in one process fails; then the first one holds.
    drop(started);
    Ok(())
}

/// Standard error, with the bars taken away while a line is written.
struct AboveBars(MultiProgress);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { screen: &self.0, text: Vec::new() }
    }
}

/// One log line, written when it is complete.
struct Line<'a> {
    screen: &'a MultiProgress,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        // A log line that cannot be written has no other place to go.
        let _ = self.screen.suspend(|| io::stderr().lock().write_all(&self.text));
    }
}
