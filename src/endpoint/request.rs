//! What is sent and what comes back, as JSON.

use serde_json::{Map, Value as Json, json};

use super::{Description, Dialect};
use crate::random::Draws;

/// What a model is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A text to continue.
    Text(String),
    /// A user's message, after a system message if there is one.
    Chat {
        /// The system message.
        system: Option<String>,
        /// The user's message.
        user: String,
    },
}

/// Samples that are wanted of one prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Position of the request among those of its stage; comes back with every answer.
    pub index: usize,
    /// Names the request in messages and random numbers.
    pub id: String,
    /// What the model is given.
    pub prompt: Prompt,
    /// The numbers of the samples wanted, at least one.
    pub samples: Vec<usize>,
}

/// How answers are generated; the fields mean what they mean in vLLM, and in models that are decoded here.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Logits are divided by it; 0 is greedy.
    pub temperature: f64,
    /// Only so many most likely tokens; 0 for all.
    pub top_k: usize,
    /// Only the most likely tokens with this share of the probability; 1 for all.
    pub top_p: f64,
    /// Only tokens at least this much as likely as the most likely one; 0 for all.
    pub min_p: f64,
    /// Divides the logits of tokens that are there already; 1 for none.
    pub repetition_penalty: f64,
    /// Taken off the logits of tokens that were generated already; 0 for none.
    pub presence_penalty: f64,
    /// Taken off for each time they were generated; 0 for none.
    pub frequency_penalty: f64,
    /// The longest answer, in tokens.
    pub max_new_tokens: usize,
    /// Texts that end an answer.
    pub stop: Vec<String>,
    /// Seed of all answers.
    pub seed: u64,
    /// Variables of the chat template.
    pub template_kwargs: Map<String, Json>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its text.
    pub text: String,
    /// Why it ended: `end`, `stop`, `length`, or what else the server says.
    pub finish: String,
}

/// What a server counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of all answers.
    pub completion: u64,
}

/// Fields that requests are made of; a recipe cannot set them by `body`.
pub const RESERVED: [&str; 14] = [
    "model",
    "messages",
    "prompt",
    "n",
    "best_of",
    "stream",
    "seed",
    "stop",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "echo",
    "suffix",
];

/// The path below the site's address.
pub(super) fn path(prompt: &Prompt) -> &'static str {
    match prompt {
        Prompt::Text(_) => "/completions",
        Prompt::Chat { .. } => "/chat/completions",
    }
}

/// The body of a request for the first `samples_per_request` of the samples.
pub(super) fn body(description: &Description, wanted: &Wanted, asked: &Asked) -> Map<String, Json> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Json| {
        body.insert(name.to_owned(), value);
    };
    set("model", json!(description.model));
    match &asked.prompt {
        Prompt::Text(text) => set("prompt", json!(text)),
        Prompt::Chat { system, user } => {
            let message = |role: &str, content: &String| json!({"role": role, "content": content});
            let system = system.iter().map(|text| message("system", text));
            set("messages", system.chain([message("user", user)]).collect());
        }
    }
    set(description.length_field.name(), json!(wanted.max_new_tokens));
    set("temperature", json!(wanted.temperature));
    set("top_p", json!(wanted.top_p));
    let vllm = description.dialect == Dialect::Vllm;
    for (name, value, neutral) in [
        ("min_p", wanted.min_p, 0.0),
        ("repetition_penalty", wanted.repetition_penalty, 1.0),
        ("presence_penalty", wanted.presence_penalty, 0.0),
        ("frequency_penalty", wanted.frequency_penalty, 0.0),
    ] {
        if vllm || value != neutral {
            set(name, json!(value));
        }
    }
    match wanted.top_k {
        // vLLM's word for all tokens.
        0 if vllm => set("top_k", json!(-1)),
        0 => {}
        top_k => set("top_k", json!(top_k)),
    }
    if !wanted.stop.is_empty() {
        set("stop", json!(wanted.stop));
    }
    if !wanted.template_kwargs.is_empty() {
        set("chat_template_kwargs", json!(wanted.template_kwargs));
    }
    let samples = asked.samples.len().min(description.samples_per_request);
    if samples > 1 {
        set("n", json!(samples));
    }
    if description.send_seed {
        let first = asked.samples.first().copied().unwrap_or_default();
        // 31 bits: what every server can hold, whatever integer it reads.
        set("seed", json!(Draws::new(wanted.seed, &asked.id, first as u64).bits() >> 33));
    }
    for (name, value) in &description.body {
        set(name, value.clone());
    }
    body
}

/// The answers in a server's reply, in their order, and what it counted; or what is wrong with it.
pub(super) fn choices(reply: &[u8]) -> Result<(Vec<Choice>, Usage), String> {
    let reply: Json = serde_json::from_slice(reply).map_err(|_| "it is no JSON".to_owned())?;
    if let Some(message) = reply.pointer("/error/message").and_then(Json::as_str) {
        return Err(format!("it is an error: {message}"));
    }
    let list = reply.get("choices").and_then(Json::as_array).ok_or("it has no list `choices`")?;
    let mut indexed: Vec<(u64, Choice)> = Vec::new();
    for (place, choice) in (0_u64..).zip(list) {
        let index = choice.get("index").and_then(Json::as_u64).unwrap_or(place);
        indexed.push((index, one(choice).ok_or("a choice has no text")?));
    }
    if indexed.is_empty() {
        return Err("its list `choices` is empty".to_owned());
    }
    indexed.sort_by_key(|(index, _)| *index);
    let count =
        |name: &str| reply.pointer(&format!("/usage/{name}")).and_then(Json::as_u64).unwrap_or_default();
    let usage = Usage { prompt: count("prompt_tokens"), completion: count("completion_tokens") };
    Ok((indexed.into_iter().map(|(_, choice)| choice).collect(), usage))
}

fn one(choice: &Json) -> Option<Choice> {
    let text = match (choice.get("text"), choice.get("message")) {
        (Some(text), _) => text.as_str()?,
        (None, Some(message)) => {
            let said = |field: &str| message.get(field).and_then(Json::as_str);
            // A model that refuses may say so in a field of its own; one that says nothing has no content.
            said("content").or_else(|| said("refusal")).unwrap_or_default()
        }
        (None, None) => return None,
    };
    let reason = choice.get("finish_reason").and_then(Json::as_str).unwrap_or_default();
    // vLLM names the stop string that came up; without one the model ended the text itself.
    let stopped = choice.get("stop_reason").is_some_and(Json::is_string);
    let finish = match reason {
        "stop" if stopped => "stop",
        "stop" => "end",
        other => other,
    };
    Some(Choice { text: text.to_owned(), finish: finish.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::LengthField;

    fn description(dialect: Dialect) -> Description {
        Description {
            model: "m".to_owned(),
            label: String::new(),
            dialect,
            length_field: LengthField::MaxTokens,
            samples_per_request: 2,
            send_seed: false,
            body: json!({"reasoning_effort": "low"}).as_object().unwrap().clone(),
        }
    }

    fn neutral() -> Wanted {
        Wanted {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            max_new_tokens: 7,
            stop: Vec::new(),
            seed: 1,
            template_kwargs: Map::new(),
        }
    }

    fn asked(prompt: Prompt, samples: &[usize]) -> Asked {
        Asked { index: 0, id: "q".to_owned(), prompt, samples: samples.to_vec() }
    }

    #[test]
    fn a_dialect_says_which_fields_are_sent() {
        let chat = Prompt::Chat { system: Some("s".to_owned()), user: "u".to_owned() };
        let sent = body(&description(Dialect::Openai), &neutral(), &asked(chat, &[0]));
        let expected = json!({"model": "m", "temperature": 0.0, "top_p": 1.0, "max_tokens": 7, "reasoning_effort": "low",
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]});
        assert_eq!(Json::Object(sent), expected);
        let text = asked(Prompt::Text("t".to_owned()), &[4, 5, 6]);
        let sent = body(&description(Dialect::Vllm), &neutral(), &text);
        let expected = json!({"model": "m", "temperature": 0.0, "top_p": 1.0, "max_tokens": 7, "reasoning_effort": "low",
            "prompt": "t", "n": 2, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0,
            "frequency_penalty": 0.0});
        assert_eq!(Json::Object(sent), expected);
    }

    #[test]
    fn what_changes_something_is_sent_in_every_dialect() {
        let wanted = Wanted {
            top_k: 5,
            min_p: 0.1,
            repetition_penalty: 1.2,
            presence_penalty: 0.3,
            stop: vec!["\n".to_owned()],
            ..neutral()
        };
        let sent = body(&description(Dialect::Openai), &wanted, &asked(Prompt::Text(String::new()), &[0]));
        assert_eq!(sent["top_k"], 5);
        assert_eq!(sent["min_p"], 0.1);
        assert_eq!(sent["repetition_penalty"], 1.2);
        assert_eq!(sent["presence_penalty"], 0.3);
        assert_eq!(sent["stop"], json!(["\n"]));
        assert!(!sent.contains_key("frequency_penalty"));
    }

    #[test]
    fn seeds_differ_by_sample_and_fit_into_31_bits() {
        let seeded = Description { send_seed: true, ..description(Dialect::Openai) };
        let seed = |sample| {
            let sent = body(&seeded, &neutral(), &asked(Prompt::Text(String::new()), &[sample]));
            sent["seed"].as_u64().unwrap()
        };
        assert_eq!(seed(3), seed(3));
        assert_ne!(seed(3), seed(4));
        assert!((0..50).all(|sample| seed(sample) < 1 << 31));
    }

    #[test]
    fn replies_are_read_as_servers_write_them() {
        let reply = json!({"choices": [
            {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
            {"index": 0, "message": {"content": "a"}, "finish_reason": "stop", "stop_reason": null},
            {"index": 2, "message": {"content": null, "refusal": "no"}, "finish_reason": "content_filter"},
        ], "usage": {"prompt_tokens": 4, "completion_tokens": 9}});
        let (found, usage) = choices(reply.to_string().as_bytes()).unwrap();
        let shown: Vec<(&str, &str)> =
            found.iter().map(|choice| (choice.text.as_str(), choice.finish.as_str())).collect();
        assert_eq!(shown, [("a", "end"), ("b", "length"), ("no", "content_filter")]);
        assert_eq!(usage, Usage { prompt: 4, completion: 9 });
        let reply = json!({"choices": [{"text": " x", "finish_reason": "stop", "stop_reason": "\n"}]});
        let (found, _) = choices(reply.to_string().as_bytes()).unwrap();
        assert_eq!(found, [Choice { text: " x".to_owned(), finish: "stop".to_owned() }]);
    }

    #[test]
    fn what_is_no_reply_is_said() {
        for (reply, what) in [
            ("<html>", "no JSON"),
            ("{}", "no list `choices`"),
            (r#"{"choices": []}"#, "empty"),
            (r#"{"choices": [{"index": 0}]}"#, "no text"),
            (r#"{"choices": [{"text": 3}]}"#, "no text"),
            (r#"{"error": {"message": "overloaded"}}"#, "overloaded"),
        ] {
            let error = choices(reply.as_bytes()).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
