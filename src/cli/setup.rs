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
    hub,
    runtime::{Device, Listener, RuntimeSettings},
    secret::Secret,
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

    /// Where models from a hub come from and go to: the variables of the Hugging Face tools, with their meaning there.
    pub fn hub(&self) -> hub::Settings {
        self.hub_with(environment)
    }

    fn hub_with(&self, environment: impl Fn(&str) -> Option<OsString>) -> hub::Settings {
        let path = |name: &str| environment(name).map(PathBuf::from);
        let text = |name: &str| environment(name).and_then(|value| value.into_string().ok());
        let user_cache = path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")));
        let home = path("HF_HOME").or_else(|| user_cache.map(|cache| cache.join("huggingface")));
        let home = home.unwrap_or_else(|| self.cache.join("huggingface"));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(|| {
            let file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
            std::fs::read_to_string(file).ok()
        });
        let is_on = |name: &str| {
            text(name)
                .is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str()))
        };
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| hub::ENDPOINT.to_owned());
        hub::Settings {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: cache.unwrap_or_else(|| home.join("hub")),
            views: self.cache.join("hub"),
            token: token.as_deref().and_then(Secret::new),
            offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
        }
    }

    /// The folder of results as it should be shown.
    pub fn shown_cache(&self) -> std::path::Display<'_> {
        Path::display(&self.cache)
    }
}

/// The key in the environment variable `name`.
pub fn secret(name: &str) -> Option<Secret> {
    environment(name).and_then(|value| value.into_string().ok()).as_deref().and_then(Secret::new)
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
    fn the_variables_of_the_hugging_face_tools_mean_the_same_here() {
        let setup = Setup::with(&global(), |_| None);
        let with = |pairs: &[(&str, &str)]| {
            let value =
                |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            setup.hub_with(value)
        };
        let plain = with(&[("HOME", "/home/x")]);
        assert_eq!(plain.cache, Path::new("/home/x/.cache/huggingface/hub"));
        assert_eq!((plain.endpoint.as_str(), plain.offline, plain.token), (hub::ENDPOINT, false, None));
        assert_eq!(with(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]).cache, Path::new("/c/huggingface/hub"));
        assert_eq!(with(&[("HF_HOME", "/hf"), ("HOME", "/h")]).cache, Path::new("/hf/hub"));
        let all = with(&[
            ("HF_HUB_CACHE", "/hub"),
            ("HF_HUB_OFFLINE", "yes"),
            ("HF_ENDPOINT", "http://m/"),
            ("HF_TOKEN", " t\n"),
        ]);
        assert_eq!(
            (all.cache.as_path(), all.offline, all.endpoint.as_str()),
            (Path::new("/hub"), true, "http://m")
        );
        assert_eq!(all.token, Secret::new("t"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "secret\n").unwrap();
        let home = folder.path().to_str().unwrap();
        assert_eq!(with(&[("HF_HOME", home)]).token, Secret::new("secret"));
        assert!(!format!("{:?}", with(&[("HF_HOME", home)])).contains("secret"));
    }

    #[test]
    fn no_color_in_the_environment_yields_to_an_explicit_always() {
        let no_color = |name: &str| (name == "NO_COLOR").then(|| OsString::from("1"));
        assert!(!Setup::with(&global(), no_color).console.err.on);
        let always = Global { color: ColorWhen::Always, ..global() };
        assert!(Setup::with(&always, no_color).console.err.on);
    }
}
