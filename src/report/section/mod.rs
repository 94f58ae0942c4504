//! The parts of a report page, one file each: a function from content to markup.

pub mod heatmap;
pub mod metrics;
pub mod run;
pub mod samples;
pub mod training;
pub mod votes;
