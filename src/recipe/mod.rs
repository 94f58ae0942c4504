//! Reads recipes: text to Recipe, spans kept, all mistakes collected.
