//! Answers: is this work already done? And if so: where are its files, and are they whole?
//!
//! In: what a stage is made of ([`Ingredients`]). Out: a [`Key`], and for that key either a verified [`Record`] with its
//! objects or the reason why there is none ([`StaleReason`]).
//!
//! | enters a key | does not |
//! |---|---|
//! | kind and its version, declared outputs | the stage's name, its place in the recipe, the recipe's name |
//! | settings as the kind reads them back, defaults written out, maps sorted | comments, formatting, spelled-out defaults |
//! | inputs by port: artifact kind and digest of the content | which stage made them, when, how long it took |
//! | files from outside by the digest of their content | their paths and times |
//! | identity of runtime library and device, for kinds that use it | threads, log level, progress display |
//! | [`FORMAT`] | the store's folder |
//!
//! The store is a folder:
//!
//! ```text
//! FORMAT CACHEDIR.TAG .gitignore
//! objects/ab/cdef...         content by digest, or a link to it; a folder is a manifest that names its files' digests
//! keys/KIND/KEY.json         what is known about a key: outputs, seconds, notes, and the explanation of the key
//! latest/RECIPE.json         the last key of every stage of a recipe, to say why a stage is stale
//! journal/KEY/               what an unfinished stage wants to find again after a kill
//! staging/KEY/               outputs while they are being written
//! locks/KEY.lock             held while a key is computed
//! runs/TIME-ID/              one folder per run that did something
//! stamps.json                sizes and times of large files whose digest is known
//! ```
//!
//! Content is written to `staging`, synced and renamed, so a kill at any moment leaves old or new files but no half
//! ones; the record is written last. A record is believed only if its seal fits and every object it names has the
//! digest it should have. Anything else is removed and computed again.
//!
//! # Invariants
//! - Knows no stage, no plan, no runtime: only names, settings as JSON, and digests.
//! - Reads no clock; the times in `stamps.json` are the file system's.
//!
//! # Decisions
//! - Large objects are hashed once and then recognised by size, modification time and inode, because hashing gigabytes
//!   would make a run that has nothing to do slow. `cache verify` hashes everything.
//! - Weights that come from outside are not copied: their object is a link to where they lie. A 16 GB model would else cost
//!   16 GB more per store. Hard links would tie the user's file to the store's read-only permissions, and do not cross file
//!   systems. Like every input from outside, such a file must not be written to while a run reads it.
//! - Locks are the system's advisory file locks: they vanish with their process, however it ends.

pub mod atomic;
mod claim;
mod ingredients;
mod key;
mod latest;
mod listing;
mod lock;
mod object;
mod outside;
mod record;
mod stale;
mod stamp;
mod store;

pub use claim::Claim;
pub use ingredients::{Explanation, Ingredients, InputIngredient};
pub use key::Key;
pub use latest::{Latest, Pointer};
pub use listing::{Damage, Listed, Verification};
pub use object::Output;
pub use record::Record;
pub use stale::StaleReason;
pub use store::{Lookup, Remains, Store};

/// The layout of the store. A store of another format is refused, never converted or deleted.
pub const FORMAT: u32 = 1;
