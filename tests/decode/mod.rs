//! Generation and scoring on a real network.

mod generate;
mod score;
