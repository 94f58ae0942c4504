//! Reading recipes: what is accepted, and how what is not is explained.

mod accepts;
mod extends;
mod overrides;
mod rejects;
