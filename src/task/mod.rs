//! Benchmarks and the words around them: languages ([`language`]), the labels that answers carry in each language
//! ([`label`]), and the real facts of the quickstart ([`facts`]).
//!
//! # Invariants
//! - Text in any language lives here as data, never in code elsewhere.

pub mod facts;
pub mod label;
pub mod language;
