//! Fetches one file into the cache: goes on where an earlier attempt broke off, and keeps nothing that has another hash.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use ureq::{Body, http::Response};

use super::{
    Cancelled,
    cache::{Cache, make_parent},
    client::{Client, Metadata, Trouble},
    name::Model,
    verify,
};
use crate::failure::{Cause, Failure};

/// How often in a row an attempt may bring nothing.
const ATTEMPTS: u32 = 4;

/// A file to be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub(super) client: &'a Client,
    pub(super) cache: &'a Cache,
    pub(super) model: &'a Model,
    pub(super) commit: &'a str,
    pub(super) name: &'a str,
    /// The SHA-256 that the lock file asks for.
    pub(super) locked: Option<&'a str>,
    pub(super) cancelled: Cancelled<'a>,
}

impl Job<'_> {
    /// Fetches the file unless its content is there already; returns its place in the snapshot.
    pub(super) fn fetch(&self) -> Result<PathBuf, Failure> {
        let metadata = self.patiently(|| self.client.metadata(self.model, self.commit, self.name))?;
        let blob = self.cache.blob(&self.model.repository, &metadata.etag);
        let _held = self.cache.hold(&self.model.repository, &metadata.etag)?;
        if !blob.is_file() {
            let mut incomplete = blob.clone().into_os_string();
            incomplete.push(".incomplete");
            let incomplete = PathBuf::from(incomplete);
            self.fill(&incomplete, &metadata)?;
            self.check(&incomplete, &metadata)?;
            fs::rename(&incomplete, &blob)
                .map_err(|error| Failure::io(Cause::Input, "write", &blob, &error))?;
        }
        self.cache.link(&self.model.repository, self.commit, self.name, &metadata.etag)
    }

    /// Brings the file at `path` to its full size.
    fn fill(&self, path: &Path, metadata: &Metadata) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io(Cause::Input, "write", path, &error);
        make_parent(path)?;
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let mut file = file.map_err(failed)?;
        let mut have = file.metadata().map_err(failed)?.len();
        if metadata.bytes.is_some_and(|bytes| have > bytes) {
            file.set_len(0).map_err(failed)?;
            have = 0;
        }
        let mut failures = 0;
        while metadata.bytes != Some(have) {
            let before = have;
            let attempt = self.continue_from(&mut file, have, metadata.bytes);
            have = file.metadata().map_err(failed)?.len();
            match attempt {
                Ok(()) if metadata.bytes.is_none_or(|bytes| bytes == have) => break,
                Err(Trouble::Final(failure)) => return Err(failure),
                Ok(()) => failures = if have > before { 0 } else { failures + 1 },
                Err(Trouble::Passing(_)) if have > before => failures = 0,
                Err(Trouble::Passing(_)) => failures += 1,
            }
            if failures >= ATTEMPTS {
                let message = format!("`{}` of {} broke off at byte {have}", self.name, self.model);
                return Err(Failure::input(message).hint("run again: it goes on from there"));
            }
            self.wait(failures)?;
        }
        file.sync_all().map_err(failed)
    }

    /// One request, written to the end of the file, or over all of it if the server gives all of it.
    fn continue_from(&self, file: &mut File, have: u64, whole: Option<u64>) -> Result<(), Trouble> {
        let failed = |error: io::Error| {
            Trouble::Final(Failure::io(Cause::Input, "write", Path::new(self.name), &error))
        };
        let response = self.client.content(self.model, self.commit, self.name, have)?;
        let start = match response.status().as_u16() {
            206 if begins_at(&response, have) => have,
            200 => 0,
            _ => {
                // A range that the server cannot give: the next attempt begins anew.
                file.set_len(0).map_err(failed)?;
                return Err(Trouble::Passing("the hub gives another range".to_owned()));
            }
        };
        file.set_len(start).map_err(failed)?;
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut reader = response.into_body().into_reader();
        let (mut buffer, mut written) = (vec![0; 1 << 16], start);
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Trouble::Final(Failure::cancelled()));
            }
            let count = reader.read(&mut buffer).map_err(|error| Trouble::Passing(error.to_string()))?;
            if count == 0 {
                return Ok(());
            }
            written += count as u64;
            if whole.is_some_and(|whole| written > whole) {
                file.set_len(0).map_err(failed)?;
                let message = format!("the hub gives more of `{}` than it announced", self.name);
                return Err(Trouble::Final(Failure::input(message)));
            }
            file.write_all(&buffer[..count]).map_err(failed)?;
        }
    }

    /// Keeps the content only if it is what hub and lock file promise.
    fn check(&self, path: &Path, metadata: &Metadata) -> Result<(), Failure> {
        let found = verify::sha256(path, self.cancelled)?;
        let (expected, whose) = match (self.locked, metadata.sha256()) {
            (Some(locked), _) => (locked, "the lock file"),
            (None, Some(promised)) => (promised, "the hub"),
            (None, None) => return Ok(()),
        };
        if found == expected {
            return Ok(());
        }
        let removed = fs::remove_file(path);
        removed.map_err(|error| Failure::io(Cause::Input, "remove", path, &error))?;
        let message = format!(
            "`{}` of {} arrived with SHA-256 {found}, but {whose} says {expected}",
            self.name, self.model
        );
        Err(Failure::input(message)
            .hint("nothing was kept; run again, and if it stays so, do not trust the source"))
    }

    /// Repeats an exchange that may work the next time.
    fn patiently<T>(&self, exchange: impl Fn() -> Result<T, Trouble>) -> Result<T, Failure> {
        patiently(self.model, self.cancelled, exchange)
    }

    fn wait(&self, failures: u32) -> Result<(), Failure> {
        wait(failures, self.cancelled)
    }
}

/// Repeats an exchange that may work the next time.
pub(super) fn patiently<T>(
    model: &Model,
    cancelled: Cancelled<'_>,
    exchange: impl Fn() -> Result<T, Trouble>,
) -> Result<T, Failure> {
    let mut failures = 0;
    loop {
        match exchange() {
            Ok(answer) => return Ok(answer),
            Err(Trouble::Final(failure)) => return Err(failure),
            Err(Trouble::Passing(what)) => {
                failures += 1;
                if failures >= ATTEMPTS {
                    let message = format!("the hub cannot be reached for {model}: {what}");
                    return Err(Failure::input(message).hint(
                        "HF_HUB_OFFLINE=1 uses what is in the cache; without a network, copy the model and name its folder with `path`",
                    ));
                }
            }
        }
        wait(failures, cancelled)?;
    }
}

/// Waits longer after each failure, and not at all after a success.
fn wait(failures: u32, cancelled: Cancelled<'_>) -> Result<(), Failure> {
    for _ in 0..(u32::from(failures > 0) << failures) {
        if cancelled.load(Ordering::Relaxed) {
            return Err(Failure::cancelled());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn begins_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}
