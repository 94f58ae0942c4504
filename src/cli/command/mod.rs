//! The verbs, one file each: its arguments and what it does.

pub mod cache;
pub mod check;
pub mod completions;
pub mod explain;
pub mod graph;
pub mod plan;
pub mod report;
pub mod run;
pub mod runtime;
pub mod schema;
pub mod why;
