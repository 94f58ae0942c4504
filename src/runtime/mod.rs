//! The only module that names `ort`: finds or fetches the ONNX Runtime library, and runs ONNX bytes.
//!
//! In: settings (where the library may be, which device), ONNX bytes, weights. Out: [`Session`]s that turn named host
//! tensors into named host tensors, and [`Binding`]s whose buffers stay on the device between runs.
//!
//! ```text
//! RuntimeSettings -> LazyRuntime --first use--> find | provision -> library -> Runtime -> Session -> Binding
//! ```
//!
//! # Invariants
//! - One process opens one library. Asking for a second one is an error, because `ort` would silently keep the first.
//! - The environment is never read here: `cli` passes in what it found there.
//! - Nothing is fetched when a library is already there; nothing is written outside the cache folder.
//!
//! # Decisions
//! - Sessions own their threads, which sleep when there is nothing to do. Measured with two threads on a chain of matrix
//!   products: on free cores spinning gains nothing at width 512 (7.0 against 7.1 ms) and a tenth at width 192 (2.4
//!   against 2.7 ms); on cores shared with other programs it costs almost twice the time (36 against 20 ms), because the
//!   spinning threads take the core from those that have work. With [`SessionOptions::spin`] they spin, but only while
//!   a run is in progress (`session.force_spinning_stop`): else an idle session keeps burning.
//! - The library's prepacking is off unless [`SessionOptions::prepack`] asks for it. It keeps a rearranged copy of every matrix for each session, beside the weights that
//!   sessions share: two sessions on one model would hold it three times. Measured with two threads on `[4864,896]`
//!   matrices: at 512 rows products without it take the same time, at 128 rows 1.2 to 1.3 times as long, at 32 rows twice as
//!   long; with the weight as first factor ([`crate::graph::op::linear_of_few`]) they are as fast at 4 to 64 rows.
//! - Large weights lie in files on the shared-memory file system, which sessions map: `shelf`. Measured on 2 GB of f32:
//!   a session is set up in hundredths of a second, where the copy of weights given as arrays took 1.2 s and 2 GB.
//! - The weights opened last stay in memory until other ones are opened, so that the stages of a run that use one model
//!   load it once ([`Runtime::weights`]).
//! - `Session::run` takes `&mut self`: `Run` of one session from two threads is not safe in practice.

mod bind;
mod device;
mod error;
mod library;
mod provision;
mod session;
mod shelf;
mod value;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use self::shelf::Shelf;
pub use self::{
    bind::{Binding, Buffer, View},
    device::{Device, Provider},
    library::{Found, Origin},
    provision::{Install, Installed, PINNED_VERSION, Status, Variant, Wheel, install, status},
    session::{Optimization, Session, SessionOptions, SharedWeights},
};
use crate::{failure::Failure, tensor::Tensor};

/// Hears, once each, about things the user should know: a fetch that takes a while, a device that is not there.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// Where the library may be and what to run on.
#[derive(Clone)]
pub struct RuntimeSettings {
    /// A library file named by the user (`--runtime`, `CHORALE_RUNTIME`). Nothing else is tried when it is given.
    pub library: Option<PathBuf>,
    /// The value of `ORT_DYLIB_PATH`: a library file, tried after the provisioned one.
    pub dylib_path: Option<PathBuf>,
    /// The user's cache folder; provisioned libraries lie in `onnxruntime/` below it.
    pub cache_dir: PathBuf,
    /// What to run on.
    pub device: Device,
    /// Threads of a session; 0 means as many as the process may use.
    pub threads: usize,
    /// Never fetch anything.
    pub offline: bool,
    /// The Python whose pip fetches the library.
    pub python: PathBuf,
    /// Hears about a fetch or a fallback.
    pub listener: Option<Listener>,
}

impl RuntimeSettings {
    /// The defaults: device `auto`, all threads, provisioning into `cache_dir` allowed.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            library: None,
            dylib_path: None,
            cache_dir: cache_dir.into(),
            device: Device::Auto,
            threads: 0,
            offline: false,
            python: PathBuf::from("python3"),
            listener: None,
        }
    }

    fn say(&self, text: &str) {
        if let Some(listener) = &self.listener {
            listener(text);
        }
    }
}

impl fmt::Debug for RuntimeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeSettings")
            .field("library", &self.library)
            .field("dylib_path", &self.dylib_path)
            .field("cache_dir", &self.cache_dir)
            .field("device", &self.device)
            .field("threads", &self.threads)
            .field("offline", &self.offline)
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}

/// A runtime that is found or fetched at first use.
#[derive(Debug)]
pub struct LazyRuntime {
    settings: RuntimeSettings,
    opened: OnceLock<Result<Runtime, Failure>>,
    identity: OnceLock<Result<String, Failure>>,
}

impl LazyRuntime {
    /// Remembers the settings; opens nothing yet.
    pub fn new(settings: RuntimeSettings) -> Self {
        Self { settings, opened: OnceLock::new(), identity: OnceLock::new() }
    }

    /// The runtime; found or fetched at the first call. Later calls return the same runtime, or the same failure.
    pub fn get(&self) -> Result<&Runtime, Failure> {
        self.opened.get_or_init(|| Runtime::open(&self.settings)).as_ref().map_err(Clone::clone)
    }

    /// What enters keys: the library's version and the provider, like `onnxruntime 1.31.1 cpu`. Fetches nothing, and
    /// opens the library only if its place alone does not tell.
    pub fn identity(&self) -> Result<String, Failure> {
        let identity = self.identity.get_or_init(|| {
            if let Some(known) = library::identity_without_opening(&self.settings) {
                return Ok(known);
            }
            self.get().map(Runtime::identity)
        });
        identity.clone()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &RuntimeSettings {
        &self.settings
    }
}

/// Weights that are somewhere else yet.
pub trait WeightSource {
    /// Their names.
    fn names(&self) -> Vec<&str>;

    /// The bytes that all of them take.
    fn bytes(&self) -> u64;

    /// Brings them into memory.
    fn read(&self) -> Result<BTreeMap<String, Arc<Tensor>>, Failure>;

    /// Writes each to the file of its name in `folder`: row-major, little-endian, without a header.
    fn write(&self, folder: &Path) -> Result<(), Failure>;
}

/// An opened ONNX Runtime library and the provider that sessions run on.
#[derive(Debug)]
pub struct Runtime {
    library: library::Opened,
    provider: Provider,
    threads: usize,
    /// The weights opened last, with what names them.
    opened: Mutex<Option<(String, SharedWeights)>>,
}

impl Runtime {
    /// The weights that `identity` names: those opened last if it names them, else what `source` gives. Others that were
    /// kept are dropped before.
    pub fn weights(&self, identity: &str, source: &dyn WeightSource) -> Result<SharedWeights, Failure> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, weights)) = &*opened
            && known == identity
        {
            return Ok(weights.clone());
        }
        *opened = None;
        let names = source.names();
        let can_be_files = names.iter().all(|name| shelf::is_file_name(name));
        let shelf = if can_be_files { Shelf::make(source.bytes()) } else { None };
        // What fails to be written, for whatever reason, may still fit an array, or gets its message there.
        let shelf = shelf.filter(|shelf| source.write(shelf.path()).is_ok());
        let weights = match shelf {
            Some(shelf) => SharedWeights::shelved(shelf, &names),
            None => SharedWeights::new(source.read()?)?,
        };
        *opened = Some((identity.to_owned(), weights.clone()));
        Ok(weights)
    }

    /// Keeps no weights any longer; sessions that use some are not affected.
    pub fn forget_weights(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The file the library was loaded from.
    pub fn library(&self) -> &Path {
        &self.library.path
    }

    /// Finds the library (or fetches it, if the settings allow that), opens it and settles the provider.
    pub fn open(settings: &RuntimeSettings) -> Result<Self, Failure> {
        let found = match library::find(settings)? {
            Some(found) => found,
            None => provision::provide(settings)?,
        };
        let library = library::open(&found.path)?;
        let provider = device::settle(&library.environment, settings)?;
        let threads = match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        Ok(Self { library, provider, threads, opened: Mutex::new(None) })
    }

    /// What enters keys: the library's version and the provider.
    pub fn identity(&self) -> String {
        library::identity(&self.library.version, self.provider)
    }

    /// The library's version, like `1.31.1`.
    pub fn version(&self) -> &str {
        &self.library.version
    }

    /// The library file.
    pub fn path(&self) -> &Path {
        &self.library.path
    }

    /// What sessions run on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Threads of a session, unless its options say otherwise.
    pub fn threads(&self) -> usize {
        self.threads
    }
}
