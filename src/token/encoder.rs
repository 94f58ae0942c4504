//! Turns prompts and completions into the tokens a model is given: with or without its chat template.
//!
//! `sample`, `score` and `train` all come through here, so that what a model is trained on is what it is asked later.
//!
//! # Prompt and completion
//! A model that reads the prompt alone continues after the prompt's last token. If tokens of the whole text reach over
//! that place, training on the whole text would teach something that generation never sees. So the prompt's tokens are always
//! those of the prompt alone; the completion's are the rest of the whole text's tokens ([`Joint::Together`], if the prompt's
//! tokens are a prefix of them) or those of the completion alone. Completions for which they are no prefix are counted.
//!
//! # Conversations
//! With a chat template nothing is put before the text: what begins it, the template writes. A completion with its end is
//! what the template writes behind the prompt; without its end, the completion as it is.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::{
    Tokenizer,
    chat::{Chat, ChatOptions},
};
use crate::{checkpoint::folder::ModelFiles, failure::Failure};

/// How prompt and completion become tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Joint {
    /// Each for itself.
    Separate,
    /// As one text, cut where the prompt's own tokens end. If no token ends there, each for itself.
    Together,
}

/// How rows become tokens.
#[derive(Clone, Debug, Default)]
pub struct Encoding {
    /// The chat template's options; `None` for plain text.
    pub chat: Option<ChatOptions>,
    /// How prompt and completion meet; by default separately in plain text, together in conversations.
    pub joint: Option<Joint>,
    /// Whether the end of the text or turn belongs to a completion.
    pub append_end: bool,
}

/// Turns prompts and completions into tokens. Cheap to share between threads.
#[derive(Debug)]
pub struct Encoder<'t> {
    tokenizer: &'t Tokenizer,
    chat: Option<Chat>,
    joint: Joint,
    append_end: bool,
    completions: AtomicUsize,
    /// Completions that do not begin where a token of the whole text ends.
    crossed: AtomicUsize,
    /// Completions behind which the chat template writes the prompt differently.
    rewritten: AtomicUsize,
}

impl<'t> Encoder<'t> {
    /// An encoder for the model that `files` are of.
    pub fn new(tokenizer: &'t Tokenizer, files: &ModelFiles, encoding: &Encoding) -> Result<Self, Failure> {
        let chat = encoding.chat.as_ref().map(|options| Chat::open(files, options)).transpose()?;
        if encoding.append_end && chat.is_none() && tokenizer.special().end().is_none() {
            return Err(Failure::input("the model's tokenizer has no end-of-text token to append")
                .hint("set `append_end = false`, or add `eos_token` to `tokenizer_config.json`"));
        }
        let natural = if chat.is_some() { Joint::Together } else { Joint::Separate };
        Ok(Self {
            tokenizer,
            chat,
            joint: encoding.joint.unwrap_or(natural),
            append_end: encoding.append_end,
            completions: AtomicUsize::default(),
            crossed: AtomicUsize::default(),
            rewritten: AtomicUsize::default(),
        })
    }

    /// The tokens of a prompt.
    pub fn prompt(&self, prompt: &str) -> Result<Vec<u32>, Failure> {
        match &self.chat {
            Some(chat) => self.tokenizer.encode(&chat.prompt(prompt)?),
            None => self.tokenizer.encode_prompt(prompt),
        }
    }

    /// The tokens of a text to learn as it is: of what stands before it, and of the text with its end.
    pub fn text(&self, text: &str) -> Result<(Vec<u32>, Vec<u32>), Failure> {
        let mut tokens = self.tokenizer.encode_prompt(text)?;
        let special = self.tokenizer.special();
        let begins = tokens.first().is_some_and(|first| special.begin == Some(*first));
        let mut rest = tokens.split_off(usize::from(begins));
        rest.extend(special.end().filter(|_| self.append_end));
        Ok((tokens, rest))
    }

    /// The tokens of a prompt, and of each of the completions that may follow it, with its end if that was asked for.
    pub fn completions(
        &self,
        prompt: &str,
        completions: &[&str],
    ) -> Result<(Vec<u32>, Vec<Vec<u32>>), Failure> {
        let before = match &self.chat {
            Some(chat) => chat.prompt(prompt)?,
            None => prompt.to_owned(),
        };
        let first = self.whole(&before)?;
        let encode = |completion: &&str| self.completion(&before, &first, prompt, completion);
        let completions = completions.iter().map(encode).collect::<Result<_, Failure>>()?;
        Ok((first, completions))
    }

    /// The tokens of a completion behind the text `before`, whose tokens are `first`.
    fn completion(
        &self,
        before: &str,
        first: &[u32],
        prompt: &str,
        completion: &str,
    ) -> Result<Vec<u32>, Failure> {
        let rendered = match &self.chat {
            Some(chat) if self.append_end => chat.answer(before, prompt, completion)?,
            _ => None,
        };
        if rendered.is_none() && self.chat.is_some() && self.append_end {
            self.rewritten.fetch_add(1, Ordering::Relaxed);
        }
        let text = rendered.as_deref().unwrap_or(completion);
        let mut whole = self.whole(&format!("{before}{text}"))?;
        let meets = whole.starts_with(first);
        self.completions.fetch_add(1, Ordering::Relaxed);
        self.crossed.fetch_add(usize::from(!meets), Ordering::Relaxed);
        let mut tokens = if meets && self.joint == Joint::Together {
            whole.split_off(first.len())
        } else {
            self.tokenizer.encode(text)?
        };
        if self.append_end {
            let special = self.tokenizer.special();
            let ends = rendered.is_some() && tokens.iter().any(|token| special.ends.contains(token));
            tokens.extend(special.end().filter(|_| !ends));
        }
        Ok(tokens)
    }

    /// The tokens of a text from its beginning on.
    fn whole(&self, text: &str) -> Result<Vec<u32>, Failure> {
        if self.chat.is_some() { self.tokenizer.encode(text) } else { self.tokenizer.encode_prompt(text) }
    }

    /// What the user should know about everything encoded so far, with counts; nothing if all went as usual.
    pub fn notes(&self) -> Vec<String> {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let all = count(&self.completions);
        let mut notes = Vec::new();
        if count(&self.crossed) > 0 {
            notes.push(format!(
                "{} of {all} completions do not begin where a token ends when they are encoded together with their \
                 prompt: they are encoded by themselves",
                count(&self.crossed)
            ));
        }
        if count(&self.rewritten) > 0 {
            notes.push(format!(
                "the chat template writes the prompts of {} of {all} completions differently once an answer \
                 follows: these completions follow their prompt as they are",
                count(&self.rewritten)
            ));
        }
        notes
    }
}
