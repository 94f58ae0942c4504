//! Generation and scoring on a real network.

mod bench;
mod chat;
mod generate;
mod harness;
pub(crate) mod score;
mod stages;
