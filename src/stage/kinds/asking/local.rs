//! Answers of a model of the recipe.

use super::{Answer, Answers, Asking, Prompt, spec::GenerationSpec};
use crate::{
    checkpoint::folder::ModelFiles,
    decode::{
        generate::{self, Finished, Generation, Listener, Request},
        penalty::Penalties,
        sampler::Sampling,
        slots::Slots,
    },
    failure::Failure,
    stage::{context::Context, kinds::adapter::open_decoder},
    token::{Encoder, Encoding, Tokenizer},
};

/// Caches hold a multiple of this many tokens.
const CAPACITY_STEP: usize = 64;

/// Generates the answers that are not there yet.
pub(super) fn answer(
    cx: &Context<'_>,
    asking: Asking<'_>,
    prompts: &[Prompt],
    answers: &mut Answers,
) -> Result<(), Failure> {
    let how = asking.how;
    let files = ModelFiles::of(cx.input(asking.field));
    let tokenizer = Tokenizer::open(&files)?;
    let runtime = cx.runtime()?;
    let decoder = open_decoder(cx, runtime, &files)?;
    decoder.check_vocabulary(tokenizer.vocabulary_size())?;
    let encoding = Encoding { chat: how.chat.as_ref().map(Into::into), ..Encoding::default() };
    let encoder = Encoder::new(&tokenizer, &files, &encoding)?;
    let mut requests = Vec::new();
    for (index, prompt) in prompts.iter().enumerate() {
        let samples: Vec<usize> =
            prompt.samples.iter().copied().filter(|sample| !answers.has(index, *sample)).collect();
        let tokens = if samples.is_empty() { Vec::new() } else { encoder.prompt(&prompt.text)? };
        requests.push(Request { id: prompt.id.clone(), prompt: tokens, samples });
    }
    let longest = requests.iter().map(|request| request.prompt.len()).max().unwrap_or(0);
    let capacity = (longest + how.max_new_tokens).next_multiple_of(CAPACITY_STEP);
    let capacity = capacity.min(decoder.network.sizes().positions);
    let mut slots = Slots::new(runtime, &decoder, how.slots, capacity)?;
    let generation = generation(how, tokenizer.special().ends.clone());
    let decode = |tokens: &[u32]| tokenizer.decode(tokens);
    let wanted = prompts.iter().map(|prompt| prompt.samples.len()).sum();
    let mut listener = Progress::new(cx, answers, wanted);
    generate::generate(&mut slots, &decode, &requests, &generation, &mut listener)
}

fn generation(how: &GenerationSpec, end: Vec<u32>) -> Generation {
    Generation {
        sampling: Sampling {
            temperature: how.temperature as f32,
            top_k: how.top_k,
            top_p: how.top_p as f32,
            min_p: how.min_p as f32,
        },
        penalties: Penalties {
            repetition: how.repetition_penalty as f32,
            presence: how.presence_penalty as f32,
            frequency: how.frequency_penalty as f32,
        },
        max_new_tokens: how.max_new_tokens,
        stop: how.stop.clone(),
        end,
        seed: how.seed,
    }
}

/// Keeps finished answers and tells how far the work has come.
struct Progress<'p, 'c> {
    cx: &'p Context<'c>,
    answers: &'p mut Answers,
    wanted: usize,
    /// Tokens generated so far, those of earlier runs included.
    tokens: usize,
    /// Tokens of finished answers.
    finished: usize,
}

impl<'p, 'c> Progress<'p, 'c> {
    fn new(cx: &'p Context<'c>, answers: &'p mut Answers, wanted: usize) -> Self {
        let tokens = answers.found.values().map(|answer| answer.tokens).sum();
        Self { cx, answers, wanted, tokens, finished: tokens }
    }
}

impl Listener for Progress<'_, '_> {
    fn finished(&mut self, finished: Finished) -> Result<(), Failure> {
        let tokens = finished.tokens.len();
        self.finished += tokens;
        self.answers.keep(Answer {
            question: finished.request,
            sample: finished.sample,
            text: finished.text,
            finish: finished.finish.name().to_owned(),
            tokens,
        })
    }

    fn stepped(&mut self, tokens: usize) -> Result<(), Failure> {
        self.tokens += tokens;
        // How many tokens there will be is an estimate: unfinished answers count as long as finished ones are on average.
        let total = match self.answers.found.len() {
            0 => 0,
            done => (self.finished * self.wanted / done).max(self.tokens),
        };
        self.cx.observer.progress(self.tokens as u64, total as u64, "tokens");
        self.cx.check_cancelled()
    }
}
