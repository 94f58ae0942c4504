//! The parts of a report page, one file each: a function from content to markup.

pub mod against;
pub mod certainty;
pub mod defaults;
pub mod deltas;
pub mod heatmap;
pub mod metrics;
pub mod published;
pub mod run;
pub mod safety;
pub mod samples;
mod table;
pub mod training;
pub mod votes;
