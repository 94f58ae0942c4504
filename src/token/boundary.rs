//! Where a prompt ends and its completion begins, in tokens.

use serde::{Deserialize, Serialize};

use super::Tokenizer;
use crate::failure::Failure;

/// How prompt and completion become tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Joint {
    /// Each for itself. What generation sees: the prompt's tokens never depend on what follows.
    #[default]
    Separate,
    /// As one text, cut where the prompt's own tokens end. If no token ends there, each for itself.
    Together,
}

pub(super) fn encode_pair(
    tokenizer: &Tokenizer,
    prompt: &str,
    completion: &str,
    joint: Joint,
) -> Result<(Vec<u32>, Vec<u32>), Failure> {
    let first = tokenizer.encode_prompt(prompt)?;
    if joint == Joint::Together {
        let mut whole = tokenizer.encode_prompt(&format!("{prompt}{completion}"))?;
        if whole.starts_with(&first) {
            let second = whole.split_off(first.len());
            return Ok((whole, second));
        }
    }
    let second = tokenizer.encode(completion)?;
    Ok((first, second))
}
