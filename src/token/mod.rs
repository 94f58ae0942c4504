//! Text to tokens and back: tokenizers as Hugging Face keeps them (`tokenizer.json`, `tokenizer_config.json`).
//!
//! # Invariants
//! - [`Tokenizer::encode`] adds nothing: special tokens are put around texts by who knows why.
//! - The same text gives the same tokens, whatever the threads; training gives the same tokenizer.
//!
//! # Decisions
//! - Prompt and completion are encoded together and cut where the prompt's own tokens end, if that is a place where a
//!   token ends; else separately ([`boundary`]). A model that reads the prompt alone then continues from what it was
//!   trained on.

pub mod boundary;
pub mod special;
pub mod stream;
pub mod tokenizer;
pub mod training;

pub use self::{
    boundary::Joint,
    special::Special,
    stream::Stream,
    tokenizer::{FILES, Tokenizer},
};
