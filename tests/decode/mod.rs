//! Generation and scoring on a real network.

mod bench;
mod chat;
mod generate;
pub(crate) mod score;
mod stages;
