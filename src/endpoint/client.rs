//! One exchange with a server: a request, an answer, or what stands in the way and whether it may pass.

use std::{io::Read, time::Duration};

use serde_json::{Map, Value as Json};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Method, Request, Response},
};

use super::{
    Access, Description,
    patience::LONGEST_WAIT,
    request::{self, Asked, Choice, Prompt, Usage, Wanted},
};
use crate::failure::Failure;

/// The longest answer that is read, in bytes.
const LONGEST_REPLY: u64 = 16 << 20;

/// As much of a server's own words is shown, in characters.
const SHOWN: usize = 300;

/// Why an exchange came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may work the next time.
    Passing {
        /// What happened, for people; the same words for the same trouble.
        why: String,
        /// How long the server wants to be left alone.
        wait: Option<Duration>,
    },
    /// It will not work the next time either.
    Final(Failure),
}

/// An open line to an endpoint.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    pub(super) description: Description,
    pub(super) access: Access,
    pub(super) wanted: Wanted,
}

impl Client {
    pub(super) fn new(description: Description, access: Access, wanted: Wanted) -> Result<Self, Failure> {
        if let (Some(variable), None) = (&access.site.key_variable, &access.key) {
            let message = format!("the environment variable `{variable}` is not set");
            return Err(Failure::input(message)
                .hint(format!("`key_variable` names it: set it to the key for {}", access.site.url)));
        }
        let seconds = Duration::try_from_secs_f64(access.site.timeout_seconds).ok();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(seconds.map(|time| time.min(Duration::from_secs(20))))
            .timeout_global(seconds)
            .max_idle_connections_per_host(access.site.concurrency)
            .user_agent(concat!("chorale/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        Ok(Self { agent: config.into(), description, access, wanted })
    }

    /// Asks once for the first of the samples that are wanted.
    pub(super) fn ask(&self, asked: &Asked) -> Result<(Vec<Choice>, Usage), Trouble> {
        let body = request::body(&self.description, &self.wanted, asked);
        let response = self.send(request::path(&asked.prompt), &body)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_reader().take(LONGEST_REPLY + 1);
        let read = reader.read_to_end(&mut bytes);
        if !status.is_success() {
            // Whatever of its words came through.
            return self.refused(status.as_u16(), &headers, &bytes, asked);
        }
        read.map_err(|error| passing(format!("the answer broke off: {}", broken(&error))))?;
        if bytes.len() as u64 > LONGEST_REPLY {
            let message = format!("{} answers with more than {LONGEST_REPLY} bytes", self.access.site.url);
            return Err(Trouble::Final(Failure::input(message).hint("lower `max_new_tokens`")));
        }
        request::choices(&bytes).map_err(|what| {
            let quoted = self.shown(&String::from_utf8_lossy(&bytes));
            let what = self.shown(&what);
            passing(format!("the answer cannot be read, {what}: {quoted}"))
        })
    }

    fn send(&self, path: &str, body: &Map<String, Json>) -> Result<Response<Body>, Trouble> {
        let bytes = serde_json::to_vec(body).unwrap_or_else(|error| crate::failure::bug(error));
        let address = format!("{}{path}", self.access.site.url);
        let mut request = Request::builder()
            .method(&Method::POST)
            .uri(address)
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(key) = &self.access.key {
            request = request.header("authorization", key.bearer());
        }
        let unusable = || {
            let failure =
                Failure::input("the endpoint's address or its key holds characters that cannot be sent");
            Trouble::Final(failure.hint("look at `url`, and at the variable that `key_variable` names"))
        };
        let request = request.body(bytes).map_err(|_| unusable())?;
        // What the library says may quote the request; its kind is enough.
        self.agent.run(request).map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => unusable(),
            ureq::Error::Io(error) => passing(broken(&error)),
            ureq::Error::HostNotFound => passing("its host is not found".to_owned()),
            ureq::Error::ConnectionFailed => passing("no connection".to_owned()),
            ureq::Error::Timeout(_) => passing(self.timeout()),
            ureq::Error::Tls(what) => passing(what.to_owned()),
            ureq::Error::Protocol(_) => passing("it speaks no HTTP that can be read".to_owned()),
            _ => passing("the connection broke".to_owned()),
        })
    }

    fn timeout(&self) -> String {
        format!("no answer within {} seconds", self.access.site.timeout_seconds)
    }

    /// What an answer means that is no success.
    fn refused(
        &self,
        status: u16,
        headers: &HeaderMap,
        bytes: &[u8],
        asked: &Asked,
    ) -> Result<(Vec<Choice>, Usage), Trouble> {
        let reply: Json = serde_json::from_slice(bytes).unwrap_or_default();
        let code = ["/error/code", "/error/innererror/code", "/code"]
            .iter()
            .find_map(|path| reply.pointer(path).and_then(Json::as_str))
            .unwrap_or_default();
        if code == "content_filter" || code == "ResponsibleAIPolicyViolation" {
            // Some services refuse harmful prompts with an error. That is their answer, and it counts.
            let choice = Choice { text: String::new(), finish: "content_filter".to_owned() };
            return Ok((vec![choice; asked.samples.len()], Usage::default()));
        }
        let words = ["/error/message", "/message", "/detail", "/error"]
            .iter()
            .find_map(|path| reply.pointer(path).and_then(Json::as_str));
        let words = words.map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), str::to_owned);
        let words = self.shown(&words);
        let what = if words.is_empty() {
            format!("it answers {status}")
        } else {
            format!("it answers {status}: {words}")
        };
        let exhausted = code == "insufficient_quota";
        if matches!(status, 408 | 409 | 425 | 429 | 500..) && !exhausted {
            let wait = headers.get("retry-after").and_then(|value| value.to_str().ok());
            let wait = wait.and_then(|text| text.trim().parse::<f64>().ok());
            let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            return match wait {
                Some(wait) if wait > LONGEST_WAIT => {
                    let message = format!(
                        "{} wants to be left alone for {} seconds",
                        self.access.site.url,
                        wait.as_secs()
                    );
                    Err(Trouble::Final(Failure::input(message).hint(KEPT)))
                }
                // The words of a busy server differ from answer to answer; its status is what is counted.
                wait => Err(Trouble::Passing { why: format!("it answers {status}"), wait }),
            };
        }
        let failure = Failure::input(format!("{} refuses `{}`: {what}", self.access.site.url, asked.id));
        Err(Trouble::Final(failure.hint(self.hint(status, exhausted, &asked.prompt))))
    }

    fn hint(&self, status: u16, exhausted: bool, prompt: &Prompt) -> String {
        let url = &self.access.site.url;
        let model = &self.description.model;
        match (status, &self.access.site.key_variable) {
            _ if exhausted => format!("the account's quota is used up; {KEPT}"),
            (401, None) => {
                "it wants a key: name the environment variable that holds it with `key_variable`".to_owned()
            }
            (401, Some(variable)) => format!("the key in `{variable}` is not accepted"),
            (402, _) => format!("the account cannot pay for it; {KEPT}"),
            (403, _) => format!("the key may not use `{model}`"),
            (404 | 405, _) => {
                let other = match prompt {
                    Prompt::Text(_) => "a model that only chats needs `chat = true`",
                    Prompt::Chat { .. } => "a model that cannot chat needs `chat = false`",
                };
                format!("is there a model `{model}` at {url}? most addresses end in `/v1`; {other}")
            }
            (300..=399, _) => "the endpoint has moved: name its new address with `url`".to_owned(),
            (413, _) => "the prompt is too long for it".to_owned(),
            _ => {
                "look at the stage's settings, at `dialect` and at `body` of the endpoint, and at the prompt"
                    .to_owned()
            }
        }
    }

    /// Words of a server: on one line, not too long, without the key.
    fn shown(&self, words: &str) -> String {
        let words = self.access.key.as_ref().map_or_else(|| words.to_owned(), |key| key.hide_in(words));
        let line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }
}

/// What becomes of the answers of an interrupted stage.
pub(super) const KEPT: &str = "what was answered is kept: run again, and only the rest is asked for";

fn passing(why: String) -> Trouble {
    Trouble::Passing { why, wait: None }
}

fn broken(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "it refuses connections".to_owned(),
        std::io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => "the connection broke".to_owned(),
    }
}
