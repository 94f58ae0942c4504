//! The settings of generation, as stages that ask a model on the side have them in one table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stage::{
    contract::Problem,
    kinds::chat::{self, ChatSpec},
};

/// How a model's answers are generated. Greedy by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerationSpec {
    /// Logits are divided by it; 0 always takes the most likely token.
    #[serde(default)]
    pub temperature: f64,
    /// Only the most likely tokens are kept, this many; 0 keeps all.
    #[serde(default)]
    pub top_k: usize,
    /// Of those, the smallest set with at least this share of the probability is kept.
    #[serde(default = "one")]
    pub top_p: f64,
    /// Of those, the tokens at least this much as likely as the most likely one are kept; 0 keeps all.
    #[serde(default)]
    pub min_p: f64,
    /// Makes tokens less likely that are in prompt or answer already, as in transformers; 1 changes nothing.
    #[serde(default = "one")]
    pub repetition_penalty: f64,
    /// Taken off the logits of tokens that are in the answer already.
    #[serde(default)]
    pub presence_penalty: f64,
    /// Taken off for each time they are.
    #[serde(default)]
    pub frequency_penalty: f64,
    /// The longest answer, in tokens.
    #[serde(default = "max_new_tokens")]
    pub max_new_tokens: usize,
    /// Texts that end an answer; they are not part of it.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// Whether prompts pass through the chat template that comes with the model, as a user's message: `true`, `false`, or a
    /// table with more about it. An endpoint then gets messages instead of a text to continue.
    #[serde(default = "chats", deserialize_with = "chat::deserialize")]
    #[schemars(schema_with = "chat::schema")]
    pub chat: Option<ChatSpec>,
    /// How many texts are in flight at once in a model of the recipe.
    #[serde(default = "slots")]
    pub slots: usize,
}

fn one() -> f64 {
    1.0
}
fn max_new_tokens() -> usize {
    512
}
#[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
fn chats() -> Option<ChatSpec> {
    Some(ChatSpec::default())
}
fn slots() -> usize {
    32
}

impl Default for GenerationSpec {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: one(),
            min_p: 0.0,
            repetition_penalty: one(),
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            max_new_tokens: max_new_tokens(),
            stop: Vec::new(),
            seed: 0,
            chat: chats(),
            slots: slots(),
        }
    }
}

/// More slots than this are a slip of the pen.
const MOST_SLOTS: usize = 4096;

impl GenerationSpec {
    /// What makes no sense; `prefix` stands before the names of the fields.
    pub(in crate::stage::kinds) fn check(&self, prefix: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, message: String, hint: &str| {
            problems.push(Problem::new(format!("{prefix}{field}"), message, hint));
        };
        for (field, value) in [("max_new_tokens", self.max_new_tokens), ("slots", self.slots)] {
            if value == 0 {
                wrong(field, "must be at least 1: 0".to_owned(), &format!("`{field} = 1`"));
            }
        }
        if self.slots > MOST_SLOTS {
            let message = format!("must be at most {MOST_SLOTS}: {}", self.slots);
            wrong("slots", message, "every slot holds a cache of keys and values");
        }
        // Compared so that NaN fails.
        if !(0.0..=100.0).contains(&self.temperature) {
            let message = format!("must be between 0 and 100: {}", self.temperature);
            wrong("temperature", message, "0 always takes the most likely token");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            let message = format!("must be above 0 and at most 1: {}", self.top_p);
            wrong("top_p", message, "1 keeps all tokens");
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            wrong("min_p", format!("must be between 0 and 1: {}", self.min_p), "0 keeps all tokens");
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty <= 100.0) {
            let message = format!("must be above 0 and at most 100: {}", self.repetition_penalty);
            wrong("repetition_penalty", message, "1 changes nothing");
        }
        for (field, value) in
            [("presence_penalty", self.presence_penalty), ("frequency_penalty", self.frequency_penalty)]
        {
            if !(-100.0..=100.0).contains(&value) {
                wrong(field, format!("must be between -100 and 100: {value}"), "0 changes nothing");
            }
        }
        if self.stop.iter().any(String::is_empty) {
            wrong("stop", "a stop string is empty".to_owned(), "leave it out");
        }
        let mut chat = ChatSpec::check(self.chat.as_ref());
        for problem in &mut chat {
            problem.field.insert_str(0, prefix);
        }
        problems.extend(chat);
        problems
    }
}
