//! Vectors of tokens.

use crate::graph::{Graph, Value, op};

/// Rows of a table: `table [V,D]`, `tokens` i64 `[..]` -> `[.., D]`.
pub fn embedding(g: &mut Graph, table: Value, tokens: Value) -> Value {
    op::gather(g, table, tokens, 0)
}
