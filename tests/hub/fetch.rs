//! Fetching, file by file.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chorale::hub::{Hub, lock::Lock};

use super::{
    NEVER, fetch, model,
    server::{Content, FakeHub, Reply, Server, ranged, sha256},
    settings,
};

fn weights() -> Vec<u8> {
    (0..300_000_u64).map(|n| ((n * n) >> 7) as u8).collect()
}

fn content(weights: &[u8]) -> Content {
    Content::new(&[
        ("config.json", b"{}"),
        ("tokenizer.json", b"{\"a\": 1}"),
        ("additional_chat_templates/rag.jinja", b"{{ messages }}"),
        ("model.safetensors", weights),
        ("pytorch_model.bin", b"must not be fetched"),
        ("README.md", b"neither"),
        (".gitattributes", b"nor this"),
    ])
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_model_comes_into_the_cache_of_the_hugging_face_tools() {
    let dir = tempfile::tempdir().unwrap();
    let content = content(&weights());
    let fake = FakeHub::new(content.clone());
    let settings = settings(&fake.hub.address, dir.path());
    let (locked, view) = fetch(&settings, &Lock::default()).unwrap();

    let repository = settings.cache.join("models--org--name");
    assert_eq!(fs::read_to_string(repository.join("refs/main")).unwrap(), content.commit);
    let snapshot = repository.join("snapshots").join(&content.commit);
    let wanted = ["additional_chat_templates", "config.json", "model.safetensors", "tokenizer.json"];
    assert_eq!(names(&snapshot), wanted.map(str::to_owned).into());
    let link = fs::read_link(snapshot.join("model.safetensors")).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(sha256(&weights())));
    let nested = fs::read_link(snapshot.join("additional_chat_templates/rag.jinja")).unwrap();
    assert!(nested.starts_with("../../../blobs"), "{}", nested.display());
    assert!(names(&repository.join("blobs")).iter().all(|name| !name.ends_with(".incomplete")));

    for file in &locked.file {
        let bytes = &content.files[&file.name];
        assert_eq!((file.bytes, &file.sha256), (bytes.len() as u64, &sha256(bytes)));
        assert_eq!(&fs::read(view.join(&file.name)).unwrap(), bytes);
    }
    assert_eq!(locked.file.len(), 4);
    assert_eq!(locked.commit, content.commit);

    // The token is for the hub and not for the storage it redirects to.
    let sent = |server: &Server| {
        server
            .asked()
            .iter()
            .map(|asked| asked.headers.get("authorization").cloned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(sent(&fake.hub), [Some("Bearer hf_secret".to_owned())].into());
    assert_eq!(sent(&fake.storage), [None].into());

    // Once locked and there, nothing is asked for.
    let before = fake.hub.asked().len();
    let mut lock = Lock::default();
    lock.insert(locked.clone());
    assert_eq!(fetch(&settings, &lock).unwrap(), (locked, view));
    assert_eq!(fake.hub.asked().len(), before);
}

#[test]
fn weights_in_several_files_are_those_of_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}"#;
    let files: &[(&str, &[u8])] = &[
        ("config.json", b"{}"),
        ("model.safetensors.index.json", index),
        ("model-1.safetensors", b"one"),
        ("model-2.safetensors", b"two"),
        ("model-3.safetensors", b"not named"),
    ];
    let fake = FakeHub::new(Content::new(files));
    let (locked, _) = fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap();
    let found: Vec<&str> = locked.file.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        found,
        ["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"]
    );

    for evil in ["../../../evil.safetensors", "/evil.safetensors", "evil.bin", ""] {
        let dir = tempfile::tempdir().unwrap();
        let index = format!("{{\"weight_map\": {{\"a\": \"{evil}\"}}}}");
        let fake = FakeHub::new(Content::new(&[("model.safetensors.index.json", index.as_bytes())]));
        let failure = fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap_err();
        assert!(failure.message.contains("names a file that is no weight file"), "{failure}");
    }
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeHub::new(Content::new(&[("config.json", b"{}"), ("pytorch_model.bin", b"x")]));
    let failure = fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap_err();
    assert!(failure.message.contains("no weights in safetensors"), "{failure}");
}

#[test]
fn a_broken_download_goes_on_where_it_broke_off() {
    let dir = tempfile::tempdir().unwrap();
    let weights = weights();
    // Every answer breaks off after 100,000 bytes.
    let fake = FakeHub::with_storage(content(&weights), |asked, bytes| Reply {
        cut: Some(100_000),
        ..ranged(asked, bytes)
    });
    let settings = settings(&fake.hub.address, dir.path());
    let (_, view) = fetch(&settings, &Lock::default()).unwrap();
    assert_eq!(fs::read(view.join("model.safetensors")).unwrap(), weights);
    let ranges: Vec<_> =
        fake.storage.asked().iter().map(|asked| asked.headers.get("range").cloned()).collect();
    let expected = [None, Some("bytes=100000-".to_owned()), Some("bytes=200000-".to_owned())];
    assert_eq!(ranges, expected);
}

#[test]
fn what_an_earlier_process_left_is_used_or_replaced() {
    let weights = weights();
    let blob = |folder: &Path| {
        let blobs = folder.join("hub/models--org--name/blobs");
        fs::create_dir_all(&blobs).unwrap();
        blobs.join(format!("{}.incomplete", sha256(&weights)))
    };
    // A good beginning is continued.
    let dir = tempfile::tempdir().unwrap();
    fs::write(blob(dir.path()), &weights[..1234]).unwrap();
    let fake = FakeHub::new(content(&weights));
    fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap();
    assert_eq!(fake.storage.asked()[0].headers["range"], "bytes=1234-");

    // A server that knows no ranges gives everything again.
    let dir = tempfile::tempdir().unwrap();
    fs::write(blob(dir.path()), &weights[..1234]).unwrap();
    let fake = FakeHub::with_storage(content(&weights), |_, bytes| Reply {
        status: 200,
        body: bytes.to_vec(),
        ..Reply::default()
    });
    let (_, view) = fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap();
    assert_eq!(fs::read(view.join("model.safetensors")).unwrap(), weights);

    // A beginning of something else gives another hash: nothing is kept, and the next run begins anew.
    let dir = tempfile::tempdir().unwrap();
    fs::write(blob(dir.path()), b"something else").unwrap();
    let fake = FakeHub::new(content(&weights));
    let failure = fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap_err();
    assert!(
        failure.message.contains(&sha256(&weights)) && failure.message.contains("model.safetensors"),
        "{failure}"
    );
    assert!(!blob(dir.path()).exists());
    fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap();

    // One that is too long is not believed.
    let dir = tempfile::tempdir().unwrap();
    fs::write(blob(dir.path()), vec![0; weights.len() + 1]).unwrap();
    fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap();
}

#[test]
fn another_content_than_promised_or_locked_is_an_error_with_both_hashes() {
    let weights = weights();
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeHub::with_storage(content(&weights), |asked, bytes| {
        let mut reply = ranged(asked, bytes);
        reply.body[7] ^= 1;
        reply
    });
    let failure = fetch(&settings(&fake.hub.address, dir.path()), &Lock::default()).unwrap_err();
    assert!(
        failure.message.contains("the hub says") && failure.message.contains(&sha256(&weights)),
        "{failure}"
    );

    let fake = FakeHub::new(content(&weights));
    let home = settings(&fake.hub.address, dir.path());
    let (mut locked, view) = fetch(&home, &Lock::default()).unwrap();
    let mut lock = Lock::default();
    lock.insert(locked.clone());

    // The cached file changes under the lock.
    let changed = fs::canonicalize(view.join("config.json")).unwrap();
    fs::write(&changed, b"{ }").unwrap();
    let failure = fetch(&home, &lock).unwrap_err();
    for part in ["`config.json`", &sha256(b"{ }"), &sha256(b"{}")] {
        assert!(failure.message.contains(part), "{failure}");
    }

    // Another machine, where the hub gives another small file than the locked one.
    let dir = tempfile::tempdir().unwrap();
    let other = "12".repeat(32);
    let place = locked.file.iter_mut().find(|file| file.name == "config.json").unwrap();
    let right = std::mem::replace(&mut place.sha256, other.clone());
    lock.insert(locked);
    let failure = fetch(&settings(&fake.hub.address, dir.path()), &lock).unwrap_err();
    for part in ["`config.json`", &right, &other, "the lock file says"] {
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let with = |status: u16, code: &str, token: bool| {
        let code = code.to_owned();
        let server = Server::new(move |_| Reply::status(status).header("X-Error-Code", &code));
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(&server.address, dir.path());
        if !token {
            settings.token = None;
        }
        let failure = fetch(&settings, &Lock::default()).unwrap_err();
        assert!(failure.message.contains("`org/name` at `main`"), "{failure}");
        assert!(failure.message.contains(&status.to_string()), "{failure}");
        failure.hint.unwrap()
    };
    let cases = [
        (401, "RepoNotFound", false, "set HF_TOKEN"),
        (401, "RepoNotFound", true, "is not accepted"),
        (401, "GatedRepo", false, "accept its terms"),
        (403, "GatedRepo", true, "accept its terms"),
        (403, "", true, "ask for access"),
        (404, "RepoNotFound", true, "is there a model `org/name`"),
        (404, "RevisionNotFound", true, "look at `revision`"),
        (410, "", true, "`path`"),
    ];
    for (status, code, token, expected) in cases {
        let hint = with(status, code, token);
        assert!(hint.contains(expected), "{status} {code}: {hint}");
        assert!(!hint.contains("hf_secret"));
    }
}

#[test]
fn a_busy_or_absent_hub_is_asked_again_and_then_named() {
    let dir = tempfile::tempdir().unwrap();
    let content = content(b"weights");
    let count = Arc::new(AtomicUsize::new(0));
    let inner = FakeHub::new(content.clone());
    let (seen, address) = (Arc::clone(&count), inner.hub.address.clone());
    // Every second answer is that the server is busy; the others lead to the real one.
    let busy = Server::new(move |asked| {
        if seen.fetch_add(1, Ordering::Relaxed) % 2 == 0 {
            return Reply::status(503);
        }
        Reply::status(307).header("Location", format!("{address}{}", asked.path))
    });
    fetch(&settings(&busy.address, dir.path()), &Lock::default()).unwrap();
    assert!(count.load(Ordering::Relaxed) >= 8);
    // The token did not follow to the other address.
    assert!(inner.hub.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));

    let dir = tempfile::tempdir().unwrap();
    let failure = fetch(&settings("http://127.0.0.1:9", dir.path()), &Lock::default()).unwrap_err();
    assert!(failure.message.contains("cannot be reached for `org/name`"), "{failure}");
    assert!(failure.hint.unwrap().contains("HF_HUB_OFFLINE"));
}

#[test]
fn offline_uses_what_is_there_and_names_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeHub::new(content(b"weights"));
    let mut home = settings(&fake.hub.address, dir.path());
    home.offline = true;
    let failure = fetch(&home, &Lock::default()).unwrap_err();
    assert!(failure.message.contains("`org/name` at `main` is not in the cache"), "{failure}");
    assert!(failure.hint.unwrap().contains("models--org--name"));
    assert!(fake.hub.asked().is_empty());

    home.offline = false;
    let (locked, view) = fetch(&home, &Lock::default()).unwrap();
    home.offline = true;
    let asked = fake.hub.asked().len();
    assert_eq!(fetch(&home, &Lock::default()).unwrap(), (locked.clone(), view.clone()));
    assert_eq!(fake.hub.asked().len(), asked);

    let mut lock = Lock::default();
    lock.insert(locked.clone());
    let snapshot = home.cache.join("models--org--name/snapshots").join(&locked.commit);
    fs::remove_file(snapshot.join("tokenizer.json")).unwrap();
    let failure = fetch(&home, &lock).unwrap_err();
    assert!(failure.message.contains("`tokenizer.json` of `org/name`"), "{failure}");
    assert!(failure.hint.unwrap().contains(snapshot.join("tokenizer.json").to_str().unwrap()));
}

#[test]
fn commits_branches_and_renamed_models_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let content = content(b"weights");
    let fake = FakeHub::new(content.clone());
    let settings = settings(&fake.hub.address, dir.path());
    let hub = Hub::new(settings.clone(), Arc::new(|_: &str| {}), &NEVER);
    for revision in [content.commit.as_str(), "refs/pr/1"] {
        let (locked, _) = hub.fetch(&model("org/name", revision), None).unwrap();
        assert_eq!((locked.commit.as_str(), locked.revision.as_str()), (content.commit.as_str(), revision));
    }
    let refs = settings.cache.join("models--org--name/refs");
    assert_eq!(fs::read_to_string(refs.join("refs/pr/1")).unwrap(), content.commit);
    let failure = hub.fetch(&model("org/name", "nothing"), None).unwrap_err();
    assert!(failure.hint.unwrap().contains("`nothing` is no commit"));

    // A hub that answers for a commit with another one is not believed.
    let failure = hub.fetch(&model("org/name", &"ab".repeat(20)), None).unwrap_err();
    assert!(failure.hint.unwrap().contains("revision"));
    let liar = Server::new(|_| Reply {
        status: 200,
        body: format!("{{\"sha\": \"{}\", \"siblings\": []}}", "cd".repeat(20)).into_bytes(),
        ..Reply::default()
    });
    let failure = Hub::new(super::settings(&liar.address, dir.path()), Arc::new(|_: &str| {}), &NEVER)
        .fetch(&model("org/name", &"ab".repeat(20)), None)
        .unwrap_err();
    assert!(failure.message.contains("another commit"), "{failure}");
}

#[test]
fn a_hub_that_names_content_like_a_path_is_refused() {
    for etag in ["../../evil", "/etc/passwd", "", "a b", &"x".repeat(200)] {
        let etag = etag.to_owned();
        let server = Server::new(move |asked| {
            if asked.path.starts_with("/api/") {
                let body = format!(
                    "{{\"sha\": \"{}\", \"siblings\": [{{\"rfilename\": \"config.json\"}}]}}",
                    "ab".repeat(20)
                );
                return Reply { status: 200, body: body.into_bytes(), ..Reply::default() };
            }
            Reply::status(200).header("ETag", format!("\"{etag}\""))
        });
        let dir = tempfile::tempdir().unwrap();
        let failure = fetch(&settings(&server.address, dir.path()), &Lock::default()).unwrap_err();
        assert!(failure.message.contains("no usable hash"), "{failure}");
    }
    let circle = Server::new(|asked| Reply::status(302).header("Location", &asked.path));
    let dir = tempfile::tempdir().unwrap();
    let failure = fetch(&settings(&circle.address, dir.path()), &Lock::default()).unwrap_err();
    assert!(failure.message.contains("in a circle"), "{failure}");
}
