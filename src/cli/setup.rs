//! What the user typed together with the environment: the second phase of the command line, settled before any
//! command begins.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    args::{ColorWhen, Global},
    console::{Console, Volume},
};
use crate::{
    failure::{Cause, Failure},
    runtime::{Device, Listener, RuntimeSettings},
};

/// Everything a command needs to know about its surroundings.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder of results.
    pub cache: PathBuf,
    /// The runtime library that was asked for by option or environment.
    pub library: Option<PathBuf>,
    /// A library that another program's environment names (`ORT_DYLIB_PATH`); used when chorale has none of its own.
    pub system_library: Option<PathBuf>,
    /// The user's cache folder, where fetched libraries are kept.
    pub user_cache: PathBuf,
    /// The device, as written: `auto`, `cpu`, `cuda`, `cuda:N`.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// Where to print.
    pub console: Console,
    /// What `CHORALE_LOG` asks for.
    pub log: Option<String>,
}

impl Setup {
    /// Reads the environment where an option is silent.
    pub fn new(global: &Global) -> Self {
        Self::with(global, environment)
    }

    fn with(global: &Global, environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| environment(name).map(PathBuf::from);
        let text = |name: &str| environment(name).and_then(|value| value.into_string().ok());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let user_cache = path("CHORALE_USER_CACHE")
            .or_else(|| {
                path("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("chorale"))
            })
            .or_else(|| path("HOME").map(|home| home.join(".cache").join("chorale")));
        let colors = match global.color {
            ColorWhen::Always => Some(true),
            ColorWhen::Never => Some(false),
            ColorWhen::Auto => environment("NO_COLOR").map(|_| false),
        };
        let volume = match (global.quiet, global.verbose) {
            (true, _) => Volume::Quiet,
            (false, 0) => Volume::Normal,
            (false, _) => Volume::Verbose,
        };
        let cache = global.cache.clone().or_else(|| path("CHORALE_CACHE")).unwrap_or_else(|| "cache".into());
        Self {
            user_cache: user_cache.unwrap_or_else(|| cache.join("user")),
            cache,
            library: global.runtime.clone().or_else(|| path("CHORALE_RUNTIME")),
            system_library: path("ORT_DYLIB_PATH"),
            device: global.device.clone().or_else(|| text("CHORALE_DEVICE")).unwrap_or_else(|| "auto".into()),
            threads: global.threads.map_or(cores, usize::from),
            console: Console::new(colors, text("TERM").is_some_and(|term| term == "dumb"), volume),
            log: text("CHORALE_LOG"),
        }
    }

    /// The settings of the runtime. `listener` hears about a fetch or a missing device.
    pub fn runtime(&self, listener: Option<Listener>) -> Result<RuntimeSettings, Failure> {
        let device: Device =
            self.device.parse().map_err(|failure| Failure { cause: Cause::Recipe, ..failure })?;
        Ok(RuntimeSettings {
            library: self.library.clone(),
            dylib_path: self.system_library.clone(),
            device,
            threads: self.threads,
            listener,
            ..RuntimeSettings::new(&self.user_cache)
        })
    }

    /// The folder of results as it should be shown.
    pub fn shown_cache(&self) -> std::path::Display<'_> {
        Path::display(&self.cache)
    }
}

/// An environment variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global() -> Global {
        Global {
            cache: None,
            runtime: None,
            device: None,
            threads: None,
            color: ColorWhen::Auto,
            quiet: false,
            verbose: 0,
        }
    }

    #[test]
    fn an_option_wins_over_the_environment_and_that_over_the_default() {
        let environment =
            |name: &str| (name.starts_with("CHORALE_")).then(|| OsString::from(format!("from-{name}")));
        let setup = Setup::with(&global(), environment);
        assert_eq!(setup.cache, Path::new("from-CHORALE_CACHE"));
        assert_eq!(setup.device, "from-CHORALE_DEVICE");
        let typed = Global { cache: Some("typed".into()), ..global() };
        assert_eq!(Setup::with(&typed, environment).cache, Path::new("typed"));
        let bare = Setup::with(&global(), |_| None);
        assert_eq!((bare.cache.as_path(), bare.device.as_str()), (Path::new("cache"), "auto"));
    }

    #[test]
    fn no_color_in_the_environment_yields_to_an_explicit_always() {
        let no_color = |name: &str| (name == "NO_COLOR").then(|| OsString::from("1"));
        assert!(!Setup::with(&global(), no_color).console.err.on);
        let always = Global { color: ColorWhen::Always, ..global() };
        assert!(Setup::with(&always, no_color).console.err.on);
    }
}
