//! What several areas of tests need: toy kinds, golden files.

pub mod golden;
pub mod kinds;
