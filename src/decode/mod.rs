//! Uses a model: generates text and scores given text.
//!
//! - [`load`] opens a model folder. [`slots`] puts it into sessions with key-value caches in place.
//! - [`generate`] is the token loop, with [`sampler`] for the next token, [`penalty`] for those that are there already, and [`text`] for stop strings.
//! - [`score`] gives log-probabilities of given tokens, [`embed`] vectors of texts. [`journal`] keeps finished items over a kill.
//!
//! # Invariants
//! - What an item gets depends on the item, the seed, the settings, the model and the runtime: not on other items, their
//!   order, the number of threads or a restart.
//! - Nothing here knows of stages or recipes.

pub mod embed;
pub mod generate;
pub mod journal;
pub mod load;
pub mod penalty;
pub mod sampler;
pub mod score;
pub mod slots;
pub mod text;
