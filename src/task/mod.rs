//! Benchmarks and the words around them: languages ([`language`]) with their names ([`language_name`]) and scripts
//! ([`script`]), the labels that answers carry in each language ([`label`]), the cues that prompts end in ([`cue`]), how
//! published data sets are written ([`benchmark`]), and the real facts of the quickstart ([`facts`]).
//!
//! # Invariants
//! - Text in any language lives here as data, never in code elsewhere.

pub mod benchmark;
pub mod cue;
pub mod facts;
pub mod label;
pub mod language;
pub mod language_name;
pub mod script;
