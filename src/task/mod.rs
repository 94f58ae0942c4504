//! Benchmarks and the words around them.
