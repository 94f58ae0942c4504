//! The only module that names `ort`: opens the ONNX Runtime library and runs ONNX bytes.
//!
//! In: ONNX bytes and weights by name. Out: named tensors.
//!
//! One library and one thread pool serve a whole process: sessions share the pool, so that several of them do not
//! fight for the cores, and threads sleep rather than spin between calls.
//!
//! # Invariants
//! - No other module names `ort`; graphs and networks are known here only as bytes.
//! - Nothing is fetched and no library is opened before the first session is asked for.

pub mod binding;
pub mod device;
pub mod session;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use self::device::Device;
use crate::failure::Failure;

pub use self::{
    binding::{Binding, Buffer},
    session::{Session, SessionOptions},
};

/// Where the library may be and how it is to be used.
#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// The library file, when the user named one.
    pub library: Option<PathBuf>,
    /// Where sessions run.
    pub device: Device,
    /// Threads of the shared pool; 0 means one per core.
    pub threads: usize,
}

/// An opened ONNX Runtime library.
#[derive(Debug)]
pub struct Runtime {
    environment: ort::environment::Environment,
    library: PathBuf,
    device: Device,
}

impl Runtime {
    /// Opens the library at `path`. A process can hold one library only; a second, different one is an error.
    pub fn open(path: &Path, device: Device, threads: usize) -> Result<Self, Failure> {
        let pool = ort::environment::GlobalThreadPoolOptions::default();
        let pool = pool.with_intra_threads(threads).and_then(|pool| pool.with_spin_control(false));
        let environment = ort::init_from(path)
            .map_err(|error| {
                Failure::runtime(format!(
                    "cannot open the ONNX Runtime library `{}`: {error}",
                    path.display()
                ))
                .hint("run `chorale runtime install`, or name a library with `--runtime`")
            })?
            .with_name("chorale")
            .with_global_thread_pool(pool.map_err(|error| refused("set up threads", &error))?)
            .build()
            .map_err(|error| refused("start", &error))?;
        environment.set_log_level(ort::logging::LogLevel::Error);
        Ok(Self { environment, library: path.to_owned(), device })
    }

    /// The file the library was loaded from.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Where its sessions run.
    pub fn device(&self) -> Device {
        self.device
    }
}

/// A runtime that is opened at first use.
#[derive(Debug)]
pub struct LazyRuntime {
    settings: RuntimeSettings,
    opened: OnceLock<Result<Runtime, Failure>>,
}

impl LazyRuntime {
    /// Remembers the settings; touches nothing yet.
    pub fn new(settings: RuntimeSettings) -> Self {
        Self { settings, opened: OnceLock::new() }
    }

    /// The runtime; opened at the first call.
    pub fn get(&self) -> Result<&Runtime, Failure> {
        let opened = self.opened.get_or_init(|| {
            let Some(library) = &self.settings.library else {
                return Err(Failure::runtime("no ONNX Runtime library was named")
                    .hint("run `chorale runtime install`"));
            };
            Runtime::open(library, self.settings.device, self.settings.threads)
        });
        opened.as_ref().map_err(Clone::clone)
    }
}

/// A failure of the library itself.
fn refused<T>(doing: &str, error: &ort::Error<T>) -> Failure {
    Failure::runtime(format!("ONNX Runtime could not {doing}: {error}"))
}
