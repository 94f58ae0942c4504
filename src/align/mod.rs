//! The algorithms of the papers: pure, no I/O, no model.
//!
//! [`answer`](mod@answer) reads an answer out of a sampled text, [`vote`](mod@vote) pools the answers of all languages into one
//! majority, [`pair`] turns the minority into preference pairs (CALM, methods 1.5-1.7), [`metric`] measures accuracy
//! and cross-lingual consistency (methods 6). [`translation`] says what a translation must keep of its source, [`chrf`] how near
//! two texts are. [`judgement`] reads what a judge wrote.
//! [`reference`](mod@reference) selects the most self-consistent answer and [`code`] compares programs (CM-Align, methods 2.3),
//! [`length`] takes the length of texts out of scores (ICR, methods 5.5b).
//!
//! # Invariants
//! - Nothing here opens a file or knows a model. Random numbers come from (seed, item, draw), or from Python's generator
//!   where published data was drawn by it.
//! - Languages come in the order the caller gives; that order is part of the result where the papers make it so.

pub mod answer;
pub mod chrf;
pub mod code;
pub mod judgement;
pub mod length;
pub mod metric;
pub mod pair;
pub mod reference;
pub mod translation;
pub mod vote;
