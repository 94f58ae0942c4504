//! The runtime library, opened once for all tests.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; the environment names the library"
)]

use std::{path::PathBuf, sync::OnceLock};

use chorale::runtime::{LazyRuntime, Runtime, RuntimeSettings, device::Device};

/// The runtime on the CPU.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<LazyRuntime> = OnceLock::new();
    let library = std::env::var_os("CHORALE_RUNTIME").map(PathBuf::from);
    RUNTIME
        .get_or_init(|| LazyRuntime::new(RuntimeSettings { library, device: Device::Cpu, threads: 2 }))
        .get()
        .unwrap()
}
