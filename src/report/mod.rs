//! Tells people what happened: one self-contained HTML page per run, from the run's record and the documents of its
//! `report` stages.
//!
//! In: the folder of a run (see [`crate::engine`]) and the store it belongs to. Out: `report.html` in that folder.
//!
//! # Invariants
//! - The page loads nothing: no script, no font, no image from elsewhere.
//! - Every text from outside is escaped ([`html`]); every text that may be in any script has `dir=auto`.
//! - Nothing is computed here that a `report` stage could have written: numbers come from [`content`].
//!
//! # Decisions
//! - Heatmaps and bars are HTML tables, curves are SVG from a plots library, the plan is SVG of our own: tables stay
//!   readable for screen readers and when printed, and no library draws layered graphs as SVG.

use std::path::{Path, PathBuf};

use crate::{
    cache::{Store, atomic},
    engine::RunRecord,
    failure::Failure,
};

mod collect;
pub mod content;
pub mod dag;
mod defaults;
pub mod html;
pub mod layered;
pub mod measure;
pub mod page;
pub mod plot;
pub mod render;
pub mod section;
pub mod trace;

pub use collect::{contents, output, recorded};

/// Where the page of the run in `folder` is.
pub fn page_of(folder: &Path) -> PathBuf {
    folder.join("report.html")
}

/// Writes the page of the run in `folder`, replacing an earlier one, and returns where it is.
pub fn write(folder: &Path, store: &Store) -> Result<PathBuf, Failure> {
    let record = RunRecord::load(folder)?;
    let contents = recorded(folder, &record)?;
    let view = collect::run(folder, &record, store)?;
    let path = page_of(folder);
    atomic::write(&path, render::page(&view, &contents).as_bytes())?;
    Ok(path)
}
