//! Tokenizers, chat templates, masks.
