//! Runs a plan.

pub mod event;
pub mod outcome;
