//! Turns a recipe and the table of kinds into a checked DAG.
