//! The runtime library: opening it, running ONNX bytes, buffers that stay in place.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; they read the environment like cli does"
)]

mod onnx;
mod provision;
mod session;

use std::{path::PathBuf, sync::OnceLock};

use chorale::runtime::{Device, LazyRuntime, Runtime, RuntimeSettings};

/// Where tests look for the library, and put it if it is not there: where the program does.
pub(crate) fn settings() -> RuntimeSettings {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let own = folder("CHORALE_USER_CACHE").or_else(|| cache.map(|cache| cache.join("chorale")));
    let mut settings = RuntimeSettings::new(own.unwrap_or_else(|| std::env::temp_dir().join("chorale")));
    settings.library = folder("CHORALE_RUNTIME");
    settings.device = Device::Cpu;
    settings.threads = 2;
    settings
}

/// The runtime on the CPU, for every test of this binary; fetched if it is not there.
pub(crate) fn lazy() -> &'static LazyRuntime {
    static LAZY: OnceLock<LazyRuntime> = OnceLock::new();
    LAZY.get_or_init(|| LazyRuntime::new(settings()))
}

/// The opened runtime on the CPU, for every test of this binary.
pub(crate) fn runtime() -> &'static Runtime {
    lazy().get().unwrap()
}
