//! Planning: wiring, order, selection, schema, and the recipes that come with chorale.

mod schema;
mod selection;
mod shipped_recipes;
mod wiring;
