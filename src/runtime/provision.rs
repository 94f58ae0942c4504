//! Fetches the pinned ONNX Runtime wheel and unpacks its library into the user's cache folder.

use std::path::{Path, PathBuf};

use super::{Device, Found, RuntimeSettings};
use crate::failure::Failure;

/// The version that is fetched.
pub const PINNED_VERSION: &str = "1.31.1";

/// Which build of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The CPU build.
    Cpu,
    /// The CUDA build.
    Cuda,
}

/// What is installed and what would be used.
#[derive(Clone, Debug)]
pub struct Status {
    /// The library that a run would use, if there is one.
    pub found: Option<Found>,
}

/// What to install.
#[derive(Clone, Debug)]
pub struct Install {
    /// Which build.
    pub variant: Variant,
    /// A wheel file to use instead of fetching one.
    pub from: Option<PathBuf>,
}

/// What is installed and what would be used. Fetches and opens nothing.
pub fn status(settings: &RuntimeSettings) -> Result<Status, Failure> {
    Ok(Status { found: super::library::find(settings)? })
}

/// Installs the library and returns its path.
pub fn install(settings: &RuntimeSettings, _install: &Install) -> Result<PathBuf, Failure> {
    provide(settings).map(|found| found.path)
}

/// Fetches the library that `settings` needs.
pub(super) fn provide(settings: &RuntimeSettings) -> Result<Found, Failure> {
    Err(Failure::runtime(format!("no ONNX Runtime library below `{}`", settings.cache_dir.display())))
}

/// The provisioned library, if there is one.
pub(super) fn installed(cache_dir: &Path, _device: Device) -> Option<PathBuf> {
    let path = cache_dir
        .join("onnxruntime")
        .join(format!("{PINNED_VERSION}-cpu"))
        .join(format!("libonnxruntime.so.{PINNED_VERSION}"));
    path.is_file().then_some(path)
}

/// Whether the library at `path` has the CUDA provider beside it.
pub(super) fn has_cuda(path: &Path) -> bool {
    path.with_file_name("libonnxruntime_providers_cuda.so").is_file()
}
