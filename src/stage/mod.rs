//! What a stage is ([`contract`]), what it reads and writes ([`port`]), what it is given while it runs ([`context`]),
//! and all kinds of stages ([`kinds`]).
//!
//! # How to add a kind
//! Write `stage/kinds/<kind>.rs` with a spec struct and an implementation of [`contract::Kind`], and add one row to
//! [`kinds::KINDS`]. The schema, the README's table and the tests "every kind has a recipe" follow from the row.
//!
//! # Invariants
//! - Kinds never call each other: they meet in artifacts.
//! - No code outside `stage/kinds` matches on a kind's name.
//! - Changing what a kind *means* bumps its `VERSION`; a new setting needs a default that keeps the old behaviour.

pub mod context;
pub mod contract;
pub mod kinds;
pub mod port;
