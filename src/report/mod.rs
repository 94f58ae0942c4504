//! Tells people what happened: one self-contained HTML page per run, from the run's events and the documents of its
//! `report` stages.
//!
//! # Invariants
//! - The page loads nothing: no script, no font, no image from elsewhere.
//! - Every text from outside is escaped ([`html`]); every text that may be in any script has `dir=auto`.

pub mod content;
pub mod dag;
pub mod html;
pub mod measure;
pub mod page;
pub mod plot;
