//! Runs of toy plans: order, failure, interruption, kills, and two processes at once.

pub(crate) mod child;
mod failing;
mod interrupt;
mod kill;
pub(crate) mod kinds;
mod order;
mod run_folder;
pub(crate) mod world;
