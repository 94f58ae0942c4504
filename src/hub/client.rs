//! Speaks HTTP with a hub. Redirects are followed here, so that the token stays with the hub.

use std::{io::Read, time::Duration};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Method, Request, Response, Uri},
};

use super::{
    Settings,
    name::{Model, is_commit, is_sha256},
};
use crate::{failure::Failure, secret::Secret};

/// No chain of redirects is longer.
const MOST_REDIRECTS: usize = 10;
/// The longest description of a model, in bytes.
const LONGEST_DESCRIPTION: u64 = 16 << 20;

/// Why an exchange came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection broke, or the server is busy: it may work the next time.
    Passing(String),
    /// It will not work the next time either.
    Final(Failure),
}

/// What a hub says about a file.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// Names the content: its SHA-256 for large files, its git hash for small ones.
    pub(super) etag: String,
    /// Its size.
    pub(super) bytes: Option<u64>,
}

impl Metadata {
    /// The SHA-256 that the hub promises.
    pub(super) fn sha256(&self) -> Option<&str> {
        is_sha256(&self.etag).then_some(self.etag.as_str())
    }
}

/// What a hub says about a model.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) commit: String,
    /// The names of all its files, as the hub says them: not to be trusted.
    pub(super) files: Vec<String>,
}

/// An open line to a hub.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<Secret>,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let patience = Some(Duration::from_mins(1));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .user_agent(concat!("chorale/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        Self { agent: config.into(), endpoint: settings.endpoint.clone(), token: settings.token.clone() }
    }

    /// Asks which commit a revision is, and which files it has.
    pub(super) fn describe(&self, model: &Model) -> Result<Description, Trouble> {
        let revision = model.revision.as_str().replace('/', "%2F");
        let path = format!("/api/models/{}/revision/{revision}", model.repository.as_str());
        let response = self.send(&Method::GET, &path, None, false)?;
        self.check(&response, model, None)?;
        let mut bytes = Vec::new();
        let read = response.into_body().into_reader().take(LONGEST_DESCRIPTION).read_to_end(&mut bytes);
        read.map_err(|error| Trouble::Passing(error.to_string()))?;
        let json: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|_| strange(model, "no JSON"))?;
        let commit = json["sha"].as_str().filter(|commit| is_commit(commit));
        let commit = commit.ok_or_else(|| strange(model, "no commit"))?.to_owned();
        if model.revision.is_commit() && commit != model.revision.as_str() {
            return Err(strange(model, "another commit"));
        }
        let siblings = json["siblings"].as_array().ok_or_else(|| strange(model, "no list of files"))?;
        let name = |sibling: &serde_json::Value| sibling["rfilename"].as_str().map(str::to_owned);
        Ok(Description { commit, files: siblings.iter().filter_map(name).collect() })
    }

    /// Asks for a file's size and hash.
    pub(super) fn metadata(&self, model: &Model, commit: &str, name: &str) -> Result<Metadata, Trouble> {
        let response = self.send(&Method::HEAD, &resolve(model, commit, name), None, true)?;
        let headers = response.headers();
        let linked = header(headers, "x-linked-etag");
        if linked.is_none() {
            self.check(&response, model, Some(name))?;
        }
        let etag = linked.or_else(|| header(headers, "etag")).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"').to_owned();
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if etag.is_empty() || etag.len() > 128 || !etag.bytes().all(fine) {
            return Err(strange(model, &format!("no usable hash of `{name}`")));
        }
        let own = header(headers, "content-length").filter(|_| response.status().is_success());
        let bytes = header(headers, "x-linked-size").or(own).and_then(|text| text.parse().ok());
        Ok(Metadata { etag, bytes })
    }

    /// Asks for a file's content from byte `from` on. The answer is that, or the whole content.
    pub(super) fn content(
        &self,
        model: &Model,
        commit: &str,
        name: &str,
        from: u64,
    ) -> Result<Response<Body>, Trouble> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let response = self.send(&Method::GET, &resolve(model, commit, name), range.as_deref(), false)?;
        if response.status() != 416 {
            self.check(&response, model, Some(name))?;
        }
        Ok(response)
    }

    /// Sends a request and follows redirects; with `stops_at_link`, only up to an answer that names the content.
    fn send(
        &self,
        method: &Method,
        path: &str,
        range: Option<&str>,
        stops_at_link: bool,
    ) -> Result<Response<Body>, Trouble> {
        let mut address = format!("{}{path}", self.endpoint);
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send_once(method, &address, range)?;
            let link = stops_at_link && header(response.headers(), "x-linked-etag").is_some();
            if !response.status().is_redirection() || link {
                return Ok(response);
            }
            let location = header(response.headers(), "location").unwrap_or_default();
            address = target(&address, location)
                .ok_or_else(|| Trouble::Final(Failure::input("the hub redirects to nowhere")))?;
        }
        Err(Trouble::Final(Failure::input("the hub redirects in a circle")))
    }

    fn send_once(
        &self,
        method: &Method,
        address: &str,
        range: Option<&str>,
    ) -> Result<Response<Body>, Trouble> {
        let mut request = Request::builder().method(method).uri(address);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        if let Some(token) = self.token.as_ref().filter(|_| origin(address) == origin(&self.endpoint)) {
            request = request.header("authorization", token.bearer());
        }
        let unusable = || {
            Trouble::Final(
                Failure::input("the hub's address or the token holds characters that cannot be sent")
                    .hint("look at HF_ENDPOINT and HF_TOKEN"),
            )
        };
        let request = request.body(()).map_err(|_| unusable())?;
        // What the library says may quote the address; its kind is enough.
        self.agent.run(request).map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => unusable(),
            ureq::Error::Io(error) => Trouble::Passing(error.to_string()),
            ureq::Error::HostNotFound => Trouble::Passing("host not found".to_owned()),
            ureq::Error::ConnectionFailed => Trouble::Passing("no connection".to_owned()),
            ureq::Error::Timeout(what) => Trouble::Passing(format!("timeout: {what}")),
            ureq::Error::Tls(what) => Trouble::Passing(what.to_owned()),
            ureq::Error::Protocol(error) => Trouble::Passing(error.to_string()),
            _ => Trouble::Passing("the connection broke".to_owned()),
        })
    }

    /// Makes a failure of an answer that is no success.
    fn check(&self, response: &Response<Body>, model: &Model, file: Option<&str>) -> Result<(), Trouble> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_server_error() || status == 429 || status == 408 {
            return Err(Trouble::Passing(format!("the hub answers {status}")));
        }
        let code = header(response.headers(), "x-error-code").unwrap_or_default();
        let repository = model.repository.as_str();
        let what = file.map_or_else(|| model.to_string(), |file| format!("`{file}` of {model}"));
        let asked = Failure::input(format!("the hub does not give {what}: it answers {status}"));
        let name = format!("look at `hf`: is there a model `{repository}` at {}?", self.endpoint);
        let hint = match (status.as_u16(), code) {
            (401 | 403, "GatedRepo") => format!(
                "the model is gated: accept its terms at {}/{repository}, and set HF_TOKEN to a token of that account",
                self.endpoint
            ),
            (401, _) if self.token.is_none() => {
                format!(
                    "the model is private or not there: set HF_TOKEN to a token that may read it, or {name}"
                )
            }
            (401, _) => format!("the token in HF_TOKEN or the token file is not accepted for it, or {name}"),
            (403, _) => {
                format!("the token may not read it: ask for access at {}/{repository}", self.endpoint)
            }
            (404, "RevisionNotFound") => {
                format!("look at `revision`: `{}` is no commit, branch or tag of it", model.revision.as_str())
            }
            (404, "EntryNotFound") => "the model has no such file".to_owned(),
            (404, _) => name,
            _ => "try again later, or copy the model and name its folder with `path`".to_owned(),
        };
        Err(Trouble::Final(asked.hint(hint)))
    }
}

fn resolve(model: &Model, commit: &str, name: &str) -> String {
    format!("/{}/resolve/{commit}/{name}", model.repository.as_str())
}

fn strange(model: &Model, what: &str) -> Trouble {
    Trouble::Final(
        Failure::input(format!("the hub's answer about {model} holds {what}"))
            .hint("is HF_ENDPOINT the address of a Hugging Face hub?"),
    )
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Scheme, host and port: whom a token is for.
fn origin(address: &str) -> Option<(String, String, Option<u16>)> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri.port_u16().or(match scheme.as_str() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    });
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// The address that a redirect leads to; `None` if it is none, or leaves an encrypted line.
fn target(from: &str, location: &str) -> Option<String> {
    let uri: Uri = from.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let to = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let (new, ..) = origin(&to)?;
    (new == "https" || (new == "http" && scheme == "http")).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_origin() {
        let hub = origin("https://hub.example/a?b");
        assert_eq!(origin("https://HUB.example:443/x"), hub);
        for other in
            ["http://hub.example", "https://hub.example:8443", "https://hub.example.evil", "hub.example"]
        {
            assert_ne!(origin(other), hub, "{other}");
        }
        assert_ne!(origin("https://hub.example@evil.example/"), hub);
    }

    #[test]
    fn redirects_lead_to_addresses_and_never_to_an_open_line() {
        let from = "https://hub.example/a/b?c";
        assert_eq!(target(from, "/x?y").unwrap(), "https://hub.example/x?y");
        assert_eq!(target(from, "//cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(target(from, "https://cdn.example/x").unwrap(), "https://cdn.example/x");
        for wrong in ["http://cdn.example/x", "", "x/y", "ftp://a/b", "file:///etc/passwd"] {
            assert_eq!(target(from, wrong), None, "{wrong}");
        }
        assert_eq!(target("http://a:1/x", "http://b:2/y").unwrap(), "http://b:2/y");
    }
}
