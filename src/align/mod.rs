//! The algorithms of the papers: pure, no I/O, no model.
