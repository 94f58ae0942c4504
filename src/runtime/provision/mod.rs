//! Fetches the pinned ONNX Runtime wheel and unpacks its library into the user's cache folder.
//!
//! ```text
//! pip download (by package name) -> SHA-256 as pinned? -> unpack beside the goal -> rename
//! ```
//!
//! # Decisions
//! - The wheel is fetched by package name with pip, so mirrors, proxies and credentials that people have set up for pip
//!   keep working. One wheel is pinned per machine, whatever Python is there: the library inside is the same for all.
//! - Two processes at once: the second waits for the first and finds its work done.
//! - CUDA's own libraries come with NVIDIA's wheels, drivers or containers and are not unpacked here: they are 2 GB, and
//!   most machines with a GPU have them.

mod fetch;
mod unpack;
mod wheel;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Device, Found, Origin, RuntimeSettings, library};
use crate::failure::{Cause, Failure};
pub use wheel::{PINNED_VERSION, Variant, Wheel};

/// What is installed and what a run would use.
#[derive(Clone, Debug)]
pub struct Status {
    /// The library that a run would use, if there is one.
    pub found: Option<Found>,
    /// The provisioned libraries.
    pub installed: Vec<Installed>,
    /// The wheels that can be installed on this machine.
    pub wheels: Vec<Wheel>,
}

/// A provisioned library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Which build.
    pub variant: Variant,
    /// The library file.
    pub path: PathBuf,
    /// Whether this call put it there; otherwise it was there before.
    pub fresh: bool,
}

/// What to install.
#[derive(Clone, Debug)]
pub struct Install {
    /// Which build to fetch.
    pub variant: Variant,
    /// A wheel file to use instead of fetching one; it must be one of the pinned ones and decides the build.
    pub from: Option<PathBuf>,
}

/// What is installed and what a run would use. Fetches and opens nothing.
pub fn status(settings: &RuntimeSettings) -> Result<Status, Failure> {
    let installed = [Variant::Cpu, Variant::Cuda].into_iter().filter_map(|variant| {
        let path = intact(&home(&settings.cache_dir, variant))?;
        Some(Installed { variant, path, fresh: false })
    });
    Ok(Status {
        found: library::find(settings)?,
        installed: installed.collect(),
        wheels: wheel::for_this_machine().copied().collect(),
    })
}

/// Installs a library; does nothing if it is there already. Fetching asks the network; unpacking a given file does not.
pub fn install(settings: &RuntimeSettings, install: &Install) -> Result<Installed, Failure> {
    let given = match &install.from {
        Some(path) => Some((path, unpack::identify(path)?)),
        None => None,
    };
    let wheel = match &given {
        Some((_, wheel)) => *wheel,
        None => wheel::pinned(install.variant)?,
    };
    let variant = wheel.variant;
    let home = home(&settings.cache_dir, variant);
    if let Some(path) = intact(&home) {
        return Ok(Installed { variant, path, fresh: false });
    }
    let root = root(&settings.cache_dir);
    fs::create_dir_all(&root).map_err(|error| refused("create", &root, &error))?;
    let _lock = lock(&root)?;
    if let Some(path) = intact(&home) {
        return Ok(Installed { variant, path, fresh: false });
    }
    let work = tempfile::Builder::new().prefix(".work-").tempdir_in(&root);
    let work = work.map_err(|error| refused("write to", &root, &error))?;
    let file = match given {
        Some((path, _)) => path.clone(),
        None => fetch::wheel(settings, wheel, work.path())?,
    };
    let folder = work.path().join("library");
    let manifest = unpack::unpack(&file, &folder)?;
    manifest.write(&folder)?;
    replace(&folder, &home)?;
    let path = intact(&home).ok_or_else(|| {
        Failure::runtime(format!("the library was unpacked but is not whole: `{}`", home.display()))
            .hint("check the disk, then run `chorale runtime install` again")
    })?;
    Ok(Installed { variant, path, fresh: true })
}

/// Puts `folder` in the place of `home`, which may hold a damaged library.
fn replace(folder: &Path, home: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(home) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(refused("replace", home, &error));
        }
        _ => {}
    }
    fs::rename(folder, home).map_err(|error| refused("create", home, &error))
}

/// Fetches the library that a run with these settings needs.
pub(super) fn provide(settings: &RuntimeSettings) -> Result<Found, Failure> {
    if matches!(settings.device, Device::Cuda(_)) {
        return Err(Failure::runtime(format!("no ONNX Runtime library for device `{}`", settings.device))
            .hint("run `chorale runtime install --cuda`, or set device = \"cpu\""));
    }
    if settings.offline {
        return Err(Failure::runtime("no ONNX Runtime library, and fetching one is switched off")
            .hint("run `chorale runtime install --from FILE.whl`, or name a library with `--runtime`"));
    }
    let installed = install(settings, &Install { variant: Variant::Cpu, from: None })?;
    Ok(Found { path: installed.path, origin: Origin::Provisioned })
}

/// The provisioned library for a device, if there is a whole one: for the CPU alone the smaller build is enough.
pub(super) fn installed(cache_dir: &Path, device: Device) -> Option<PathBuf> {
    let order = match device {
        Device::Cpu => [Variant::Cpu, Variant::Cuda],
        Device::Auto | Device::Cuda(_) => [Variant::Cuda, Variant::Cpu],
    };
    order.into_iter().find_map(|variant| intact(&home(cache_dir, variant)))
}

/// Whether the library at `path` has the CUDA provider beside it.
pub(super) fn has_cuda(path: &Path) -> bool {
    path.with_file_name("libonnxruntime_providers_cuda.so").is_file()
}

fn root(cache_dir: &Path) -> PathBuf {
    cache_dir.join("onnxruntime")
}

fn home(cache_dir: &Path, variant: Variant) -> PathBuf {
    root(cache_dir).join(format!("{PINNED_VERSION}-{}", variant.name()))
}

/// The library in `home`, if everything that was unpacked there is still there in full length.
fn intact(home: &Path) -> Option<PathBuf> {
    let manifest = Manifest::read(home)?;
    let whole = |file: &Unpacked| {
        fs::metadata(home.join(&file.name)).is_ok_and(|there| there.is_file() && there.len() == file.bytes)
    };
    let library = home.join(wheel::LIBRARY);
    (manifest.files.iter().any(|file| file.name == wheel::LIBRARY) && manifest.files.iter().all(whole))
        .then_some(library)
}

/// What was unpacked from which wheel; lies beside the library as `manifest.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    wheel: String,
    sha256: String,
    files: Vec<Unpacked>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unpacked {
    name: String,
    bytes: u64,
}

impl Manifest {
    const NAME: &'static str = "manifest.json";

    fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(home.join(Self::NAME)).ok()?).ok()
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(Self::NAME);
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        let written = File::create(&path).and_then(|mut file| {
            io::Write::write_all(&mut file, &text)?;
            file.sync_all()
        });
        written.map_err(|error| refused("write", &path, &error))
    }
}

/// Waits until no other process installs here. The system releases the lock when its process ends.
fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join("lock");
    let lock = File::create(&path).and_then(|file| file.lock().map(|()| file));
    lock.map_err(|error| refused("lock", &path, &error))
}

/// A file operation in the user's cache that the system refused.
fn refused(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::io(Cause::Runtime, doing, path, error);
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => failure.hint(
            "set CHORALE_USER_CACHE to a writable folder, or name a library that is already there with `--runtime`",
        ),
        _ => failure,
    }
}
