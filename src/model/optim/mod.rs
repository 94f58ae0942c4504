//! Optimizers: how a gradient moves the trainable vector, as a graph on flat buffers.
//!
//! Adding an optimizer: one file, one row in the table of the `train` kind's settings.

pub mod adamw;
pub mod schedule;
