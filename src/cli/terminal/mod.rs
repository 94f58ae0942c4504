//! Shows a run while it goes on: lines that stay, and on terminals a bar per stage at work.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::narrator::{Locate, Narrator, Show};
use super::console::{Console, Volume};
use crate::engine::event::{Event, Listener, Timed};

mod fit;
pub mod narrator;
pub mod pace;

/// How often the screen is redrawn, at most (times a second).
const REDRAWS: u8 = 8;

/// A terminal, or a file in its place.
pub struct Terminal {
    console: Console,
    narrator: Narrator,
    screen: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
}

impl Terminal {
    /// A terminal that shows `screen`'s bars where it can redraw. `locate` finds places in the recipe.
    pub fn new(console: Console, screen: MultiProgress, locate: Locate) -> Self {
        let bars = console.interactive && console.volume > Volume::Quiet;
        Self { console, narrator: Narrator::new(console.err, bars, locate), screen, bars: BTreeMap::new() }
    }

    fn show(&mut self, show: Show) {
        match show {
            Show::Line(line) => self.screen.suspend(|| self.console.complain(line)),
            Show::Bar { stage, head, width, position, tail } => {
                let bar = self.bars.entry(stage).or_insert_with(|| {
                    let bar = self.screen.add(ProgressBar::no_length());
                    bar.enable_steady_tick(std::time::Duration::from_millis(250));
                    bar
                });
                let (cells, shape) = match position {
                    Some(_) => (fit::BAR, format!("{{prefix}}{{bar:{}}} {{msg}}", fit::BAR)),
                    None => (1, "{prefix}{spinner} {msg}".to_owned()),
                };
                if let Ok(style) = ProgressStyle::with_template(&shape) {
                    bar.set_style(style.progress_chars("━╸─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
                }
                bar.set_prefix(head);
                bar.set_message(fit::fitting(tail, fit::columns().saturating_sub(width + cells + 2)));
                if let Some((done, total)) = position {
                    bar.set_length(total);
                    bar.set_position(done);
                }
            }
            Show::Gone(stage) => {
                if let Some(bar) = self.bars.remove(&stage) {
                    bar.finish_and_clear();
                    self.screen.remove(&bar);
                }
            }
        }
    }
}

impl Listener for Terminal {
    fn hear(&mut self, event: &Timed) {
        let shows = self.narrator.hear(event);
        let failed = matches!(event.event, Event::StageFailed { .. });
        if self.console.volume > Volume::Quiet || failed {
            for show in shows {
                self.show(show);
            }
        }
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").field("console", &self.console).finish_non_exhaustive()
    }
}

/// The screen that bars and log lines share.
pub fn screen(console: &Console) -> MultiProgress {
    let target = if console.interactive && console.volume > Volume::Quiet {
        ProgressDrawTarget::stderr_with_hz(REDRAWS)
    } else {
        ProgressDrawTarget::hidden()
    };
    MultiProgress::with_draw_target(target)
}
