//! Conversations as text: the chat template that comes with a model, rendered as transformers renders it.
//!
//! In: a model's files, a prompt, perhaps an answer. Out: the text that the model was trained to continue.
//!
//! # Invariants
//! - A template is untrusted. It opens no file, loads no other template, knows no clock; its instructions, the text it
//!   copies and its output are limited, and its errors name file and line. (What these limits do not bound is a string
//!   that doubles itself by `+` again and again.)
//! - What is rendered depends on the model's files and the settings alone: today's date is a setting.
//!
//! # Decisions
//! - The renderer is minijinja with the additions of transformers (`raise_exception`, `strftime_now`, its own `tojson`, loop controls,
//!   `{% generation %}`, blocks trimmed) and methods of Python's strings. `tools` and `documents` are none.
//! - Without a date `strftime_now` is not defined, because templates test for that and then write a day of their own; one that does
//!   not test is an error that asks for the setting.
//! - What follows a prompt is taken from the rendered conversation, its end of turn included, as TRL does. A template that
//!   writes the prompt differently once an answer follows leaves no place to cut: then the answer follows as it is
//!   ([`crate::token::Encoder`] counts that).

pub mod date;
mod generation;
mod json;
mod python;
pub mod source;
mod template;

use self::{date::Date, template::Template};
use super::special;
use crate::{checkpoint::folder::ModelFiles, failure::Failure};

/// How prompts become conversations.
#[derive(Clone, Debug, Default)]
pub struct ChatOptions {
    /// What stands before the conversation as the system's message.
    pub system: Option<String>,
    /// Which template, if the model has several.
    pub template: Option<String>,
    /// The date that a template may write.
    pub date: Option<Date>,
    /// Further variables of the template.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// Variables that settings cannot give, because they are the conversation itself.
pub const RESERVED: [&str; 4] = ["messages", "tools", "documents", "add_generation_prompt"];

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sets the scene.
    System,
    /// Asks.
    User,
    /// Answers: the model.
    Assistant,
}

impl Role {
    /// The name that templates know.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What somebody says.
#[derive(Clone, Copy, Debug)]
pub struct Message<'t> {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: &'t str,
}

/// What a conversation ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The place where the model's answer begins (`add_generation_prompt`).
    Open,
    /// Its last message.
    Closed,
}

/// A model's chat template with what is said at the beginning of every conversation.
#[derive(Debug)]
pub struct Chat {
    template: Template,
    system: Option<String>,
}

impl Chat {
    /// Opens the template of a model.
    pub fn open(files: &ModelFiles, options: &ChatOptions) -> Result<Self, Failure> {
        let source = source::find(files, options.template.as_deref())?;
        let own = special::spellings(files)?.into_iter().map(|(name, token)| (name, token.into()));
        let given = options.variables.iter().map(|(name, json)| (name.clone(), template::value(json)));
        let template = Template::new(source, own.chain(given).collect(), options.date)?;
        Ok(Self { template, system: options.system.clone() })
    }

    /// The text of any conversation.
    pub fn render(&self, messages: &[Message<'_>], ending: Ending) -> Result<String, Failure> {
        self.template.render(messages, ending == Ending::Open)
    }

    /// The text that asks for an answer to `prompt`.
    pub fn prompt(&self, prompt: &str) -> Result<String, Failure> {
        self.render(&self.messages(prompt, None), Ending::Open)
    }

    /// The text of `answer` behind the text `before` that asks for it, with what ends its turn; `None` if the template writes
    /// the prompt differently once there is an answer.
    pub fn answer(&self, before: &str, prompt: &str, answer: &str) -> Result<Option<String>, Failure> {
        let whole = self.render(&self.messages(prompt, Some(answer)), Ending::Closed)?;
        Ok(whole.strip_prefix(before).map(str::to_owned))
    }

    fn messages<'t>(&'t self, prompt: &'t str, answer: Option<&'t str>) -> Vec<Message<'t>> {
        let system = self.system.as_deref().map(|content| Message { role: Role::System, content });
        let answer = answer.map(|content| Message { role: Role::Assistant, content });
        system.into_iter().chain([Message { role: Role::User, content: prompt }]).chain(answer).collect()
    }
}
