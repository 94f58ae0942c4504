//! The JSON Schema of recipes, made from the table of kinds.
