//! Models that answer over HTTP, in the words of OpenAI's interface: vLLM, llama.cpp, TGI, SGLang and the services speak it.
//!
//! In: who the model is ([`Description`]), where it is ([`Site`], [`Access`]), and requests ([`request::Asked`]). Out: answers,
//! each handed over the moment it is there, so that the caller can keep it before anything else happens.
//!
//! ```text
//! Asked -> request::body -> client (one exchange) -> request::choices -> pool (many at once, again where it may help) -> Listener
//! ```
//!
//! # Who and where
//! A [`Description`] is what identifies the answers; it is an artifact and enters keys. A [`Site`] says where the model runs and
//! how fast it may be asked; it enters nothing. The same model on another port, behind another name or on another machine
//! gives the same answers as far as anybody can know, and a lab that reruns a recipe must not pay again because a server
//! moved. Two services that serve different models under one name are told apart by [`Description::label`].
//!
//! # Invariants
//! - A key goes into the `authorization` header of requests to the site's own address and nowhere else: redirects are not
//!   followed, and messages quote no header. What servers say about a key is shown without it.
//! - What is answered once is never asked again: every answer reaches the listener before another request is taken.
//! - A server is not trusted: answers are bounded in size and time, and their text is text.
//! - Waiting times depend on the request and the attempt alone; no answer depends on them.
//!
//! # Decisions
//! - Threads, not an async runtime: there are a few dozen requests in flight, and each of them waits.
//! - One request per sample by default, each with a seed of its own: then more samples of a question are more requests,
//!   and those that are there stay. `samples_per_request` asks for several, where prompts are dear.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::secret::Secret;

mod client;
mod patience;
pub mod pool;
pub mod request;

/// What identifies the answers of a model behind an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name by which the server knows the model.
    pub model: String,
    /// Tells apart what has the same name; empty if nothing needs to.
    pub label: String,
    /// Which fields the server understands.
    pub dialect: Dialect,
    /// What the longest length of an answer is called in requests.
    pub length_field: LengthField,
    /// How many samples a request asks for at most; at least 1.
    pub samples_per_request: usize,
    /// Whether requests carry a seed.
    pub send_seed: bool,
    /// Further fields of every request.
    pub body: Map<String, Json>,
}

/// Which fields a server understands beside OpenAI's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "EndpointDialect")]
pub enum Dialect {
    /// Those of OpenAI. Other settings are sent only where they change something.
    #[default]
    Openai,
    /// Those of vLLM. All settings are sent always, because what is not sent is taken from the model's `generation_config.json`.
    Vllm,
}

/// What the longest length of an answer is called in requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LengthField {
    /// `max_tokens`: what most servers know.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's newer models want.
    MaxCompletionTokens,
}

impl LengthField {
    /// The name in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// Where a model is and how it may be asked. Changes no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The address up to the version, without a slash at its end: `http://localhost:8000/v1`.
    pub url: String,
    /// The environment variable that holds the key, if one is needed.
    pub key_variable: Option<String>,
    /// How many requests are in flight at once; at least 1.
    pub concurrency: usize,
    /// How many requests may begin within a minute; no limit when absent.
    pub requests_per_minute: Option<f64>,
    /// How long one answer may take, in seconds.
    pub timeout_seconds: f64,
    /// How often a request is sent before the endpoint counts as gone; at least 1.
    pub attempts: usize,
    /// The longest wait after a first failed attempt, in seconds; it doubles with each further one.
    pub backoff_seconds: f64,
}

/// A site together with its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// The site.
    pub site: Site,
    /// The content of its key variable, if that is set.
    pub key: Option<Secret>,
}
