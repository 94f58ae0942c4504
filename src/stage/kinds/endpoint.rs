//! `endpoint`: a model that answers over HTTP, behind an interface like OpenAI's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{
    artifact::ENDPOINT,
    endpoint::{Description, Dialect, LengthField, Site, request::RESERVED},
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
};

/// Names a model behind an endpoint.
#[derive(Debug)]
pub enum Endpoint {}

/// Settings of `endpoint`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EndpointSpec")]
pub struct Spec {
    /// The address up to the version, such as `http://localhost:8000/v1`. Where a model runs is no part of a key: answers that
    /// are there stay when the address changes.
    #[serde(skip_serializing)]
    pub url: String,
    /// The name by which the server knows the model. Part of the key.
    pub model: String,
    /// Tells apart what has the same name (a date, a quantisation, a service). Part of the key.
    #[serde(default)]
    pub label: String,
    /// Which fields the server understands beside OpenAI's own.
    #[serde(default)]
    pub dialect: Dialect,
    /// What the longest length of an answer is called in requests.
    #[serde(default)]
    pub length_field: LengthField,
    /// How many samples a request asks for at most (`n`). With 1 each sample has a request and a seed of its own.
    #[serde(default = "one")]
    pub samples_per_request: usize,
    /// Whether requests carry a seed, made from the stage's seed, the question and the sample.
    #[serde(default = "yes")]
    pub send_seed: bool,
    /// Further fields of every request.
    #[serde(default)]
    pub body: Map<String, Json>,
    /// The environment variable that holds the key. The key itself is kept nowhere.
    #[serde(default, skip_serializing)]
    pub key_variable: Option<String>,
    /// How many requests are in flight at once.
    #[serde(default = "concurrency", skip_serializing)]
    pub concurrency: usize,
    /// How many requests may begin within a minute.
    #[serde(default, skip_serializing)]
    pub requests_per_minute: Option<f64>,
    /// How long one answer may take.
    #[serde(default = "timeout", skip_serializing)]
    pub timeout_seconds: f64,
    /// How often a request is sent before the endpoint counts as gone.
    #[serde(default = "attempts", skip_serializing)]
    pub attempts: usize,
    /// The longest wait after the first failed attempt; it doubles with each further one.
    #[serde(default = "backoff", skip_serializing)]
    pub backoff_seconds: f64,
}

fn one() -> usize {
    1
}
fn yes() -> bool {
    true
}
fn concurrency() -> usize {
    16
}
fn timeout() -> f64 {
    300.0
}
fn attempts() -> usize {
    7
}
fn backoff() -> f64 {
    1.0
}

/// More at once than this is a slip of the pen.
const MOST_AT_ONCE: usize = 1024;

impl Kind for Endpoint {
    const NAME: &'static str = "endpoint";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a model that answers over HTTP (OpenAI's interface: vLLM and others)";
    const SECTION: Section = Section::Model;
    type Spec = Spec;

    fn ports(_: &Spec) -> Ports {
        Ports::default().writes("endpoint", ENDPOINT)
    }

    fn site(spec: &Spec) -> Option<Site> {
        Some(Site {
            url: spec.url.trim_end_matches('/').to_owned(),
            key_variable: spec.key_variable.clone(),
            concurrency: spec.concurrency,
            requests_per_minute: spec.requests_per_minute,
            timeout_seconds: spec.timeout_seconds,
            attempts: spec.attempts,
            backoff_seconds: spec.backoff_seconds,
        })
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        let mut problems: Vec<Problem> = url_problem(&spec.url).into_iter().collect();
        if spec.model.trim().is_empty() {
            problems.push(Problem::new(
                "model",
                "names no model: it is empty",
                "the server lists its models at `/models`",
            ));
        }
        if spec.key_variable.as_deref().is_some_and(|name| !is_variable(name)) {
            // The value is not shown: it may be the key itself.
            let hint = "name the variable, as in `key_variable = \"OPENAI_API_KEY\"`; a key must not stand in a recipe";
            problems.push(Problem::new("key_variable", "is not the name of an environment variable", hint));
        }
        let counts = [
            ("samples_per_request", spec.samples_per_request),
            ("concurrency", spec.concurrency),
            ("attempts", spec.attempts),
        ];
        for (field, count) in counts {
            if !(1..=MOST_AT_ONCE).contains(&count) {
                let message = format!("must be between 1 and {MOST_AT_ONCE}: {count}");
                problems.push(Problem::new(field, message, format!("`{field} = 1`")));
            }
        }
        let times = [
            ("requests_per_minute", spec.requests_per_minute.unwrap_or(1.0)),
            ("timeout_seconds", spec.timeout_seconds),
            ("backoff_seconds", spec.backoff_seconds),
        ];
        for (field, value) in times {
            if !(value.is_finite() && value > 0.0 && value <= 1e6) {
                let message = format!("must be above 0: {value}");
                problems.push(Problem::new(field, message, format!("`{field} = 60`")));
            }
        }
        for name in spec.body.keys().filter(|name| RESERVED.contains(&name.as_str())) {
            let hint = "the stage that asks has a setting for it";
            problems.push(Problem::new(
                format!("body.{name}"),
                format!("`{name}` is part of every request"),
                hint,
            ));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &Spec) -> Result<(), Failure> {
        let description = Description {
            model: spec.model.clone(),
            label: spec.label.clone(),
            dialect: spec.dialect,
            length_field: spec.length_field,
            samples_per_request: spec.samples_per_request,
            send_seed: spec.send_seed,
            body: spec.body.clone(),
        };
        cx.write_document("endpoint", &description)
    }
}

fn url_problem(url: &str) -> Option<Problem> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let hint = "`url = \"http://localhost:8000/v1\"`";
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return Some(Problem::new("url", "is no address that begins with `http://` or `https://`", hint));
    };
    if rest.contains(['@', '?', '#']) {
        let hint = "name the variable that holds the key with `key_variable`";
        return Some(Problem::new("url", "holds more than host, port and path", hint));
    }
    if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some(Problem::new("url", "holds blanks", hint));
    }
    let path = rest.trim_end_matches('/');
    let whole = path.ends_with("/completions");
    whole.then(|| {
        Problem::new("url", "names one path of the interface", "leave `/chat/completions` out: stages choose")
    })
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
