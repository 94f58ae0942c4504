//! Ctrl-C: the first press asks a run to stop cleanly, the second ends the process at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use indicatif::MultiProgress;

use super::{console::Console, exit::Exit};
use crate::failure::Failure;

/// The flag that stages look at. Set by the first press of Ctrl-C (or SIGTERM, SIGHUP).
pub fn flag(console: Console, screen: MultiProgress) -> Result<Arc<AtomicBool>, Failure> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&cancelled);
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::SeqCst) {
            end();
        }
        screen.suspend(|| {
            console.complain(
                "\nstopping: stages at work end at their next safe point, and what is done is kept; \
                 once more to stop at once",
            );
        });
    })
    .map_err(|error| {
        Failure::new(crate::failure::Cause::Recipe, format!("cannot listen for Ctrl-C: {error}"))
    })?;
    Ok(cancelled)
}

/// Ends the process. Nothing is lost: results and journals appear by rename only.
#[expect(clippy::exit, reason = "the second press of Ctrl-C")]
fn end() -> ! {
    std::process::exit(i32::from(Exit::Interrupted.code()))
}
