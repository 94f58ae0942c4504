//! Checks a wheel file and unpacks the library from it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};
use zip::{ZipArchive, result::ZipError};

use super::{
    Manifest, Unpacked, refused,
    wheel::{self, LIBRARY, Wheel},
};
use crate::failure::{Cause, Failure};

/// The folder inside a wheel that holds the libraries.
const INSIDE: &str = "onnxruntime/capi/";

/// What is unpacked: the library, the providers beside it, and the licence. The CUDA provider is the largest file.
const WANTED: [&str; 5] = [
    "onnxruntime/capi/libonnxruntime.so.1.31.1",
    "onnxruntime/capi/libonnxruntime_providers_shared.so",
    "onnxruntime/capi/libonnxruntime_providers_cuda.so",
    "onnxruntime/LICENSE",
    "onnxruntime/ThirdPartyNotices.txt",
];

/// Nothing in a wheel of ONNX Runtime is larger than this.
const LARGEST: u64 = 2 << 30;

/// Which pinned wheel the file is.
pub(super) fn identify(path: &Path) -> Result<&'static Wheel, Failure> {
    let file = File::open(path).map_err(|error| Failure::io(Cause::Runtime, "open", path, &error))?;
    ZipArchive::new(file).map_err(|error| no_wheel(path, &error))?;
    let sha256 = sha256(path)?;
    wheel::by_sha256(&sha256).ok_or_else(|| {
        let names = wheel::for_this_machine().map(|wheel| format!("`{}`", wheel.file())).collect::<Vec<_>>();
        let shown = path.display();
        Failure::runtime(format!("`{shown}` is none of the pinned wheels for this machine: SHA-256 {sha256}"))
            .hint(if names.is_empty() {
                "none is pinned for this machine; name a library with `--runtime`".to_owned()
            } else {
                format!("fetch {}", names.join(" or "))
            })
    })
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::io(Cause::Runtime, "read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk).map_err(failed)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    Ok(hasher.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

/// Unpacks the library of the wheel `path` into the new folder `folder`.
pub(super) fn unpack(path: &Path, folder: &Path) -> Result<Manifest, Failure> {
    fs::create_dir_all(folder).map_err(|error| refused("create", folder, &error))?;
    let file = File::open(path).map_err(|error| Failure::io(Cause::Runtime, "open", path, &error))?;
    let mut archive = ZipArchive::new(file).map_err(|error| no_wheel(path, &error))?;
    let mut files = Vec::new();
    for wanted in WANTED {
        let entry = match archive.by_name(wanted) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => continue,
            Err(error) => return Err(no_wheel(path, &error)),
        };
        let name = wanted.rsplit('/').next().unwrap_or(wanted).to_owned();
        let bytes = entry.size();
        if bytes > LARGEST {
            return Err(Failure::runtime(format!("`{wanted}` in the wheel claims {bytes} bytes")));
        }
        let target = folder.join(&name);
        let mut written = File::create(&target).map_err(|error| refused("create", &target, &error))?;
        let copied = io::copy(&mut entry.take(LARGEST), &mut written)
            .and_then(|copied| written.sync_all().map(|()| copied))
            .map_err(|error| refused("unpack", &target, &error))?;
        files.push(Unpacked { name, bytes: copied });
    }
    if !files.iter().any(|file| file.name == LIBRARY) {
        return Err(Failure::runtime(format!("`{}` holds no `{INSIDE}{LIBRARY}`", path.display()))
            .hint("it is not a wheel of ONNX Runtime"));
    }
    let wheel = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Manifest { wheel, sha256: sha256(path)?, files })
}

fn no_wheel(path: &Path, error: &ZipError) -> Failure {
    Failure::runtime(format!("`{}` is not a wheel: {error}", path.display()))
        .hint("a wheel is a zip file whose name ends in `.whl`")
}
