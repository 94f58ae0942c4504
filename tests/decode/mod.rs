//! Generation and scoring on a real network.

mod generate;
pub(crate) mod score;
