//! The algorithms on real, published data.

mod python_random;
mod votes_match_released_data;
