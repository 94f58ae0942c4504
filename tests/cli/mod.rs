//! What a user sees: the real binary, its output and its exit codes.

mod graph;
mod help;
mod killed;
mod process;
mod readme;
mod small_world;
mod toy;
mod usage;
mod why;
