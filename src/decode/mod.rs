//! The token loop.
