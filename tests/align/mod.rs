//! The algorithms on real, published data.

mod votes_match_released_data;
