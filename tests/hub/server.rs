//! A hub on this machine: the paths, headers and redirects of the real one, over real connections.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sha2::{Digest, Sha256};

pub(super) use crate::support::server::{Asked, Reply, Server};

/// The content of the fake hub.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Files that are answered by a redirect to the storage server, with their SHA-256.
    pub(super) large: BTreeSet<String>,
    pub(super) commit: String,
    /// The only token that is admitted, if one is needed.
    pub(super) token: Option<String>,
}

impl Content {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let large = files.keys().filter(|name| name.ends_with(".safetensors")).cloned().collect();
        Self { files, large, commit: "c0ffee00".repeat(5), token: None }
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A hub and its storage server on another port.
pub(super) struct FakeHub {
    pub(super) hub: Server,
    pub(super) storage: Server,
}

/// Bytes from where the request wants them.
pub(super) fn ranged(asked: &Asked, bytes: &[u8]) -> Reply {
    let from = asked.headers.get("range").map(|range| {
        range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    match from {
        None => Reply { status: 200, body: bytes.to_vec(), ..Reply::default() },
        Some(from) if from < bytes.len() => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Reply { status: 206, body: bytes[from..].to_vec(), ..Reply::default() }
                .header("Content-Range", range)
        }
        Some(_) => Reply::status(416),
    }
}

impl FakeHub {
    pub(super) fn new(content: Content) -> Self {
        Self::with_storage(content, ranged)
    }

    /// `give` answers requests for large files.
    pub(super) fn with_storage(
        content: Content,
        give: impl Fn(&Asked, &[u8]) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let files = content.files.clone();
        let storage = Server::new(move |asked| {
            let name = asked.path.strip_prefix("/store/").unwrap().split('?').next().unwrap();
            give(asked, &files[name])
        });
        let address = storage.address.clone();
        let hub = Server::new(move |asked| answer(&content, &address, asked));
        Self { hub, storage }
    }
}

fn answer(content: &Content, storage: &str, asked: &Asked) -> Reply {
    let expected = content.token.as_ref().map(|token| format!("Bearer {token}"));
    if expected.is_some() && asked.headers.get("authorization") != expected.as_ref() {
        return Reply::status(401).header("X-Error-Code", "RepoNotFound");
    }
    if let Some(revision) = asked.path.strip_prefix("/api/models/org/name/revision/") {
        if revision != "main" && revision != "refs%2Fpr%2F1" && revision != content.commit {
            return Reply::status(404).header("X-Error-Code", "RevisionNotFound");
        }
        let files: Vec<_> = content.files.keys().map(|name| json!({"rfilename": name})).collect();
        let body = json!({"sha": content.commit, "siblings": files}).to_string().into_bytes();
        return Reply { status: 200, body, ..Reply::default() };
    }
    if let Some(rest) = asked.path.strip_prefix("/old/name/") {
        return Reply::status(307).header("Location", format!("/org/name/{rest}"));
    }
    let name = asked.path.strip_prefix(&format!("/org/name/resolve/{}/", content.commit));
    let Some((name, bytes)) = name.and_then(|name| content.files.get_key_value(name)) else {
        return Reply::status(404).header("X-Error-Code", "EntryNotFound");
    };
    if content.large.contains(name) {
        return Reply::status(302)
            .header("Location", format!("{storage}/store/{name}?Signature=signed-secret"))
            .header("X-Linked-Etag", format!("\"{}\"", sha256(bytes)))
            .header("X-Linked-Size", bytes.len().to_string());
    }
    let etag = sha256(bytes).chars().take(40).collect::<String>();
    ranged(asked, bytes).header("ETag", format!("W/\"{etag}\""))
}
