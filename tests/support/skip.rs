//! Says what is not checked.

use std::io::Write as _;

/// Says that a check is left out, and why. It goes past the test harness, which keeps to itself what passing tests print.
#[track_caller]
pub(crate) fn skipped(why: &str) {
    let place = std::panic::Location::caller();
    writeln!(std::io::stderr(), "skipped: {why} ({}:{})", place.file(), place.line()).unwrap_or_default();
}
