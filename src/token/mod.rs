//! Text to tokens and back: tokenizers as Hugging Face keeps them (`tokenizer.json`, `tokenizer_config.json`).
//!
//! # Invariants
//! - [`Tokenizer::encode`] adds nothing: special tokens are put around texts by who knows why.
//! - The same text gives the same tokens, whatever the threads; training gives the same tokenizer.
//!
//! # Decisions
//! - Rows keep prompts and completions as plain text; [`Encoder`] puts a model's chat template around them where tokens are
//!   made, and says there what happens where prompt and completion meet.

pub mod chat;
pub mod encoder;
pub mod special;
pub mod stream;
pub mod tokenizer;
pub mod training;

pub use self::{
    chat::{Chat, ChatOptions},
    encoder::{Encoder, Encoding, Joint},
    special::Special,
    stream::Stream,
    tokenizer::{FILES, Tokenizer},
};
