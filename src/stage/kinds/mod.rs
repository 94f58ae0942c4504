//! All kinds of stages, one file each, and the table that names them.

use super::contract::Entry;

/// Every kind, in the order in which `--help`, schemas and the README list them.
pub static KINDS: &[Entry] = &[];
