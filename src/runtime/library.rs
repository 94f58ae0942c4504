//! Finds the library file and opens it, once per process.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{environment::Environment, logging::LogLevel};

use super::{Device, Provider, RuntimeSettings, error::refused, provision};
use crate::failure::Failure;

/// Who named the library file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--runtime` or `CHORALE_RUNTIME`.
    Named,
    /// `chorale runtime install`, or the first run.
    Provisioned,
    /// `ORT_DYLIB_PATH`.
    DylibPath,
    /// One of the system's library folders.
    System,
}

impl Origin {
    /// For people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Named => "named by --runtime or CHORALE_RUNTIME",
            Self::Provisioned => "provisioned",
            Self::DylibPath => "named by ORT_DYLIB_PATH",
            Self::System => "found among the system's libraries",
        }
    }
}

/// A library file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Who named it.
    pub origin: Origin,
}

/// Folders of the system that are looked through last, for `libonnxruntime.so`.
const SYSTEM_FOLDERS: [&str; 5] =
    ["/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

/// The library to open, if there is one; fetches nothing. A file that the user named must exist.
pub(super) fn find(settings: &RuntimeSettings) -> Result<Option<Found>, Failure> {
    if let Some(path) = &settings.library {
        return named(path, "--runtime or CHORALE_RUNTIME", Origin::Named).map(Some);
    }
    if let Some(path) = provision::installed(&settings.cache_dir, settings.device) {
        return Ok(Some(Found { path, origin: Origin::Provisioned }));
    }
    if let Some(path) = &settings.dylib_path {
        return named(path, "ORT_DYLIB_PATH", Origin::DylibPath).map(Some);
    }
    let system = SYSTEM_FOLDERS.iter().map(|folder| Path::new(folder).join("libonnxruntime.so"));
    Ok(system.into_iter().find(|path| path.is_file()).map(|path| Found { path, origin: Origin::System }))
}

fn named(path: &Path, by: &str, origin: Origin) -> Result<Found, Failure> {
    if path.is_file() {
        return Ok(Found { path: path.to_owned(), origin });
    }
    Err(Failure::runtime(format!("no ONNX Runtime library at the path given by {by}: `{}`", path.display()))
        .hint("name the file `libonnxruntime.so`, or drop the setting to use the provisioned library"))
}

/// What enters keys.
pub(super) fn identity(version: &str, provider: Provider) -> String {
    format!("onnxruntime {version} {}", provider.family())
}

/// The identity, if the place of the library tells it: the provisioned CPU library, or none yet (then that one will be
/// provisioned).
pub(super) fn identity_without_opening(settings: &RuntimeSettings) -> Option<String> {
    if matches!(settings.device, Device::Cuda(_)) {
        return None;
    }
    let cpu = || identity(provision::PINNED_VERSION, Provider::Cpu);
    match find(settings).ok()? {
        None => Some(cpu()),
        Some(found) if found.origin == Origin::Provisioned && !provision::has_cuda(&found.path) => {
            Some(cpu())
        }
        Some(_) => None,
    }
}

/// The library that this process has opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) version: String,
    pub(super) environment: Environment,
}

/// What the process has loaded so far. `ort` keeps the first library it loads for good, so this must too.
enum Process {
    Nothing,
    Loaded(PathBuf),
    Opened(Opened),
}

static PROCESS: Mutex<Process> = Mutex::new(Process::Nothing);

/// Opens the library at `path`; again the same one if it is open already, a failure if another one is.
pub(super) fn open(path: &Path) -> Result<Opened, Failure> {
    let path = path.canonicalize().map_err(|error| {
        Failure::runtime(format!("cannot open the library `{}`: {error}", path.display()))
    })?;
    let mut process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    match &*process {
        Process::Opened(opened) if opened.path == path => return Ok(opened.clone()),
        Process::Opened(Opened { path: other, .. }) | Process::Loaded(other) if *other != path => {
            return Err(Failure::runtime(format!(
                "this process has already opened another ONNX Runtime library: `{}`",
                other.display()
            ))
            .hint(format!("start a new process to use `{}`", path.display())));
        }
        _ => {}
    }
    let builder = ort::init_from(&path).map_err(|error| not_loadable(&path, &error))?;
    *process = Process::Loaded(path.clone());
    let environment = builder
        .with_name("chorale")
        .with_telemetry(false)
        .with_logger(Arc::new(forward))
        .build()
        .map_err(|error| refused("start", &error))?;
    environment.set_log_level(LogLevel::Warning);
    let opened = Opened { version: version(&path), path, environment };
    *process = Process::Opened(opened.clone());
    Ok(opened)
}

fn not_loadable(path: &Path, error: &ort::LoadDynamicError) -> Failure {
    use ort::LoadDynamicError as Load;
    let shown = path.display();
    match error {
        Load::BadVersion { version_str, .. } => {
            Failure::runtime(format!("the ONNX Runtime library `{shown}` is too old: {version_str}"))
                .hint("version 1.24 or later is needed; `chorale runtime install` fetches a fitting one")
        }
        Load::MissingApi { .. } | Load::InvalidVersionString => {
            Failure::runtime(format!("not an ONNX Runtime library: `{shown}`"))
        }
        Load::Dlopen { error, .. } => {
            Failure::runtime(format!("the system cannot load the library `{shown}`: {error}"))
                .hint("`chorale runtime install` fetches a library for this system")
        }
    }
}

/// The version by the file's name (`libonnxruntime.so.1.31.1`), else as the library's build information has it.
fn version(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(version) = name.strip_prefix("libonnxruntime.so.") {
        return version.to_owned();
    }
    let info = ort::info();
    let branch = info.split("git-branch=").nth(1).and_then(|rest| rest.split(',').next());
    branch.map_or_else(|| info.to_owned(), |branch| branch.trim_start_matches("rel-").to_owned())
}

/// What the library logs goes where chorale's own logs go.
fn forward(level: LogLevel, category: &str, _id: &str, _location: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => tracing::trace!(target: "onnxruntime", category, "{message}"),
        // Failing runs are reported as failures by the caller, with the same text.
        LogLevel::Warning | LogLevel::Error => tracing::debug!(target: "onnxruntime", category, "{message}"),
        LogLevel::Fatal => tracing::error!(target: "onnxruntime", category, "{message}"),
    }
}
