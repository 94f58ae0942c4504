//! Models from a Hugging Face hub: found in the user's cache or fetched into it, and pinned by a lock file.
//!
//! In: the name of a model and a revision. Out: a folder that holds exactly the files chorale reads, every one of them with the
//! SHA-256 that the recipe's lock file ([`lock`]) says; or what to do about it.
//!
//! ```text
//! recipe.toml: hf = "org/name" -- recipe.lock: commit, sizes, SHA-256 -- hub folder: blobs, snapshots -- folder of links
//! ```
//!
//! # Invariants
//! - The cache folder is shared with the Python tools and keeps their layout ([`cache`]): what one fetches, the others find.
//! - The hub is not trusted. Names of files are taken only from a list of what a model can have, sizes and hashes are
//!   checked, redirects are followed by hand, and the token goes to the hub's own address and nowhere else.
//! - The token is never shown: its type has no text form, and no message quotes a header or a query.
//! - Nothing here reads the environment; the edge does.
//!
//! # Decisions
//! - `ureq`, not `hf-hub`: the latter brings an async runtime and 300 crates, and hides resuming and hashing.
//! - The folder that comes out is one of links, beside the store, and not the snapshot itself: what other programs put into a
//!   snapshot must not change a key.
//! - A branch is resolved once; from then on the lock file decides, and the hub is asked only for files that are missing.

pub mod cache;
mod client;
mod download;
mod fetch;
pub mod lock;
pub mod name;
mod verify;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

pub use fetch::Hub;
pub use name::{Model, Repository, Revision};

use crate::secret::Secret;

/// Where models come from and where they go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// The cache folder of all Hugging Face tools (`~/.cache/huggingface/hub`).
    pub cache: PathBuf,
    /// The folder for the folders of links.
    pub views: PathBuf,
    /// The user's token.
    pub token: Option<Secret>,
    /// Whether the network must not be used.
    pub offline: bool,
}

/// The hub that everybody uses.
pub const ENDPOINT: &str = "https://huggingface.co";

/// Hears what is being fetched.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether somebody asked to stop.
type Cancelled<'a> = &'a AtomicBool;
