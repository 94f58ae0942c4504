//! What several areas of tests need: toy kinds, golden files.

pub(crate) mod golden;
pub(crate) mod kinds;
pub(crate) mod server;
pub(crate) mod skip;
pub(crate) mod stage;
pub(crate) mod workspace;
