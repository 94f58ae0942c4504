//! The only place that prints: data goes to standard output, everything else to standard error.
//!
//! # Invariants
//! - Colours only where the user can see them, and never to carry meaning alone.
//! - A reader that went away (`| head`) is no error.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    path::Path,
};

use anstyle::{AnsiColor, Style};

use crate::failure::{Cause, Failure};

/// What to write with which emphasis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Done, good.
    Good,
    /// Was done before.
    Known,
    /// At work.
    Busy,
    /// Unusual.
    Warning,
    /// Failed.
    Bad,
    /// Headings and names.
    Strong,
    /// Details.
    Quiet,
}

impl Tone {
    fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Self::Good => plain.fg_color(Some(AnsiColor::Green.into())).bold(),
            Self::Known => plain.fg_color(Some(AnsiColor::Blue.into())),
            Self::Busy => plain.fg_color(Some(AnsiColor::Cyan.into())).bold(),
            Self::Warning => plain.fg_color(Some(AnsiColor::Yellow.into())).bold(),
            Self::Bad => plain.fg_color(Some(AnsiColor::Red.into())).bold(),
            Self::Strong => plain.bold(),
            Self::Quiet => plain.dimmed(),
        }
    }
}

/// Puts colours around texts, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    /// Whether colours are wanted.
    pub on: bool,
}

impl Paint {
    /// `text` with emphasis.
    pub fn paint(self, tone: Tone, text: impl Display) -> String {
        if self.on {
            let style = tone.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }
}

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Failures only.
    Quiet,
    /// One line per stage.
    Normal,
    /// Also what is going on inside.
    Verbose,
}

/// Standard output and standard error.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Colours of standard output.
    pub out: Paint,
    /// Colours of standard error.
    pub err: Paint,
    /// Whether standard error is a terminal that can redraw lines.
    pub interactive: bool,
    /// How much to say.
    pub volume: Volume,
}

impl Console {
    /// A console whose colours are `wanted` (`None`: where there is a terminal). `dumb` terminals cannot redraw.
    pub fn new(wanted: Option<bool>, dumb: bool, volume: Volume) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            out: Paint { on: wanted.unwrap_or(out && !dumb) },
            err: Paint { on: wanted.unwrap_or(err && !dumb) },
            interactive: err && !dumb,
            volume,
        }
    }

    /// Writes data to standard output, as it is.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::io(Cause::Store, "write", Path::new("standard output"), &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a JSON document to standard output.
    pub fn json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| crate::failure::bug(error));
        self.data(&format!("{text}\n"))
    }

    /// Tells people something, unless they asked for quiet.
    pub fn say(&self, line: impl Display) {
        if self.volume > Volume::Quiet {
            self.complain(line);
        }
    }

    /// Tells people something that they must see. There is nobody left to tell if that fails.
    pub fn complain(&self, line: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Shows a failure with its hint.
    pub fn failure(&self, failure: &Failure) {
        self.complain(failure_text(failure, self.err));
    }
}

/// A failure as two lines: what, and what to do about it.
pub fn failure_text(failure: &Failure, paint: Paint) -> String {
    let what = format!("{} {}", paint.paint(Tone::Bad, "error:"), failure.message);
    match &failure.hint {
        Some(hint) => format!("{what}\n{} {hint}", paint.paint(Tone::Busy, "hint:")),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_only_where_they_were_asked_for() {
        assert_eq!(Paint { on: false }.paint(Tone::Bad, "x"), "x");
        let painted = Paint { on: true }.paint(Tone::Bad, "x");
        assert!(painted.contains('\u{1b}') && painted.ends_with("\u{1b}[0m"), "{painted:?}");
    }

    #[test]
    fn a_failure_shows_its_hint_on_a_line_of_its_own() {
        let failure = Failure::input("no rows in `x`").hint("look at `y`");
        let text = failure_text(&failure, Paint { on: false });
        assert_eq!(text, "error: no rows in `x`\nhint: look at `y`");
    }
}
