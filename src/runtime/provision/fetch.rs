//! Fetches a wheel with pip.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use super::{RuntimeSettings, refused, unpack, wheel::Wheel};
use crate::failure::Failure;

/// How many of pip's last lines are quoted.
const QUOTED_LINES: usize = 4;

/// Fetches `wheel` into `folder`, checks it, and returns the file.
pub(super) fn wheel(settings: &RuntimeSettings, wheel: &Wheel, folder: &Path) -> Result<PathBuf, Failure> {
    let requirement = wheel.requirement();
    settings.say(&format!("fetching {requirement} with pip, once"));
    let output = pip(settings, wheel, folder)?;
    if !output.status.success() {
        return Err(explain(settings, wheel, &output));
    }
    let file = only_wheel(folder)?.ok_or_else(|| {
        Failure::runtime(format!("pip fetched no wheel of {requirement}: {}", last_lines(&output)))
            .hint(by_hand(wheel))
    })?;
    let sha256 = unpack::sha256(&file)?;
    if sha256 != wheel.sha256 {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let expected = wheel.sha256;
        return Err(Failure::runtime(format!(
            "the wheel that pip fetched is not the pinned one: `{name}` has SHA-256 {sha256}, expected {expected}"
        ))
        .hint("a mirror serves another file; fetch it from elsewhere and run `chorale runtime install --from FILE.whl`"));
    }
    Ok(file)
}

fn pip(settings: &RuntimeSettings, wheel: &Wheel, folder: &Path) -> Result<Output, Failure> {
    let python = &settings.python;
    Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"])
        .args(["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"])
        .args(["--platform", wheel.platform, "--no-input", "--disable-pip-version-check"])
        .args(["--progress-bar", "off", "--dest"])
        .arg(folder)
        .arg(wheel.requirement())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            let python = python.display();
            let message = match error.kind() {
                io::ErrorKind::NotFound => format!("no `{python}` to fetch the ONNX Runtime library with"),
                _ => format!("cannot start `{python}` to fetch the ONNX Runtime library: {error}"),
            };
            Failure::runtime(message).hint(format!("install Python 3 with pip, or {}", by_hand(wheel)))
        })
}

fn explain(settings: &RuntimeSettings, wheel: &Wheel, output: &Output) -> Failure {
    let text = String::from_utf8_lossy(&output.stderr);
    if text.contains("No module named pip") || text.contains("No module named 'pip'") {
        let python = settings.python.display();
        return Failure::runtime(format!("`{python}` has no pip to fetch the ONNX Runtime library with"))
            .hint(format!("install pip (Debian: `apt install python3-pip`), or {}", by_hand(wheel)));
    }
    if text.contains("No space left on device") {
        return Failure::runtime(format!("no space left to fetch {}", wheel.requirement()))
            .hint("free some space on that disk, or set CHORALE_USER_CACHE to another folder");
    }
    Failure::runtime(format!("pip cannot fetch {}: {}", wheel.requirement(), last_lines(output)))
        .hint(format!("check the network and pip's settings (index, proxy), or {}", by_hand(wheel)))
}

/// The way without a network.
fn by_hand(wheel: &Wheel) -> String {
    format!("copy `{}` here and run `chorale runtime install --from FILE.whl`", wheel.file())
}

fn last_lines(output: &Output) -> String {
    let text =
        String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
    if last.is_empty() { format!("it ended with {}", output.status) } else { last.join(" | ") }
}

fn only_wheel(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let failed = |error: &io::Error| refused("read", folder, error);
    for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
