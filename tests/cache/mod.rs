//! What the store reuses, what it refuses to use, and what it says about it.

mod damage;
mod disk;
mod early_cutoff;
mod format;
mod reasons;
