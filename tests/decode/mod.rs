//! Generation and scoring on a real network.

pub(crate) mod bench;
mod chat;
mod consistency;
mod generate;
mod harness;
pub(crate) mod score;
mod stages;
