//! The verbs, one file each: its arguments and what it does.

pub mod cache;
pub mod completions;
