//! Makes tokens less likely that are in the text already.
//!
//! The three penalties are those of transformers (`repetition_penalty`) and vLLM (all three), and come before temperature and
//! filters: `repetition` looks at prompt and completion, the other two at the completion alone.

/// How tokens are penalised that are there already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalties {
    /// Logits of tokens in prompt or completion are divided by it where they are positive and multiplied by it where they are
    /// negative (Keskar et al. 2019, section 4.1). Above 0; 1 changes nothing.
    pub repetition: f32,
    /// Taken off the logits of tokens in the completion.
    pub presence: f32,
    /// Taken off for each time a token is in the completion.
    pub frequency: f32,
}

impl Penalties {
    /// Changes nothing.
    pub const NONE: Self = Self { repetition: 1.0, presence: 0.0, frequency: 0.0 };

    /// The logits after the penalties, in `buffer` unless there are none.
    pub fn apply<'l>(
        &self,
        logits: &'l [f32],
        prompt: &[u32],
        completion: &[u32],
        buffer: &'l mut Vec<f32>,
    ) -> &'l [f32] {
        if *self == Self::NONE {
            return logits;
        }
        buffer.clear();
        buffer.extend_from_slice(logits);
        for &token in prompt.iter().chain(completion) {
            // From the untouched logit: a token counts once however often it is there.
            if let (Some(penalised), Some(&logit)) =
                (buffer.get_mut(token as usize), logits.get(token as usize))
            {
                *penalised = if logit > 0.0 { logit / self.repetition } else { logit * self.repetition };
            }
        }
        for (place, &token) in completion.iter().enumerate() {
            if let Some(penalised) = buffer.get_mut(token as usize) {
                let first = !completion.iter().take(place).any(|earlier| *earlier == token);
                *penalised -= self.frequency + if first { self.presence } else { 0.0 };
            }
        }
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_penalty_is_what_its_definition_says() {
        let logits = [2.0, -2.0, 1.0, 0.5];
        let mut buffer = Vec::new();
        let mut applied =
            |penalties: Penalties| penalties.apply(&logits, &[0, 0], &[1, 2, 2, 9], &mut buffer).to_vec();
        assert_eq!(applied(Penalties::NONE), logits);
        // Divided or multiplied once by 2, in the prompt and in the completion.
        assert_eq!(applied(Penalties { repetition: 2.0, ..Penalties::NONE }), [1.0, -4.0, 0.5, 0.5]);
        // Only what was generated: token 1 once, token 2 twice.
        assert_eq!(applied(Penalties { presence: 0.25, ..Penalties::NONE }), [2.0, -2.25, 0.75, 0.5]);
        assert_eq!(applied(Penalties { frequency: 0.25, ..Penalties::NONE }), [2.0, -2.25, 0.5, 0.5]);
        // Repetition first: 1 / 2 - 2 * 0.25 - 0.125.
        let all = Penalties { repetition: 2.0, presence: 0.125, frequency: 0.25 };
        assert_eq!(applied(all), [1.0, -4.375, -0.125, 0.5]);
    }
}
