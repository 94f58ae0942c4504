//! The token loop: a fixed number of slots, each with one text in flight; a finished slot takes the next at once.
//!
//! Every prompt is computed once, for all samples of it; its keys and values are then copied into the slots that take
//! its samples. All slots take a step together, also those that stand idle: shapes never change.
//!
//! # What an item's text depends on
//! On its prompt, the seed, its id, the number of the sample, the sampling settings and the model; not on the order
//! of requests, on which others there are, on the slot it lands in, or on a restart. The draw at position n of a sample is
//! number n of the stream (seed, id, sample). What this needs from the model is that a row of a step does not depend on
//! the other rows or on its place, bit for bit; the kernels keep this (tested in `tests/decode`).

use std::collections::VecDeque;

use super::{
    penalty::Penalties,
    sampler::{Sampler, Sampling},
    text::{self, Decode, Stops},
};
use crate::{
    failure::{Failure, bug},
    random::Draws,
};

/// What the loop needs from a model with key-value caches.
pub trait CachedModel {
    /// How many texts are in flight at once.
    fn slots(&self) -> usize;

    /// How many tokens a slot holds, prompt and completion together.
    fn capacity(&self) -> usize;

    /// Computes a prompt (at least one token) and keeps its keys and values until the next one; returns the logits after
    /// its last token.
    fn prefill(&mut self, prompt: &[u32]) -> Result<Vec<f32>, Failure>;

    /// Copies keys and values of the last prompt into a slot.
    fn place(&mut self, slot: usize) -> Result<(), Failure>;

    /// Takes one more token in every slot; `tokens[slot]` stands at position `positions[slot]`.
    fn step(&mut self, tokens: &[u32], positions: &[usize]) -> Result<(), Failure>;

    /// Shows the logits of the last step, `[slots, V]`.
    fn with_logits(&self, read: &mut dyn FnMut(&[f32]));
}

/// A prompt to be continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names the random numbers: unique among the requests of a stage.
    pub id: String,
    /// Token ids, at least one.
    pub prompt: Vec<u32>,
    /// The numbers of the samples wanted.
    pub samples: Vec<usize>,
}

/// How texts are generated.
#[derive(Clone, Debug)]
pub struct Generation {
    /// How the next token is picked.
    pub sampling: Sampling,
    /// What happens to tokens that are there already.
    pub penalties: Penalties,
    /// The longest completion, in tokens; at least 1.
    pub max_new_tokens: usize,
    /// Texts that end a completion; they are not part of it.
    pub stop: Vec<String>,
    /// Tokens that end a completion; they are not part of it.
    pub end: Vec<u32>,
    /// Seed of all draws.
    pub seed: u64,
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended the text.
    End,
    /// A stop string came up.
    Stop,
    /// It reached the longest length.
    Length,
}

impl Finish {
    /// The name in completion rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// A finished completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Position of the request.
    pub request: usize,
    /// The number of the sample.
    pub sample: usize,
    /// The generated tokens, without the one that ended the text.
    pub tokens: Vec<u32>,
    /// Their text, up to the stop string if one came up.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
}

/// Hears about the work of [`generate`]; an error stops it.
pub trait Listener {
    /// A completion is finished. They come in the order in which they finish.
    fn finished(&mut self, finished: Finished) -> Result<(), Failure>;

    /// `tokens` more tokens were generated. Called after every step.
    fn stepped(&mut self, tokens: usize) -> Result<(), Failure>;
}

/// Generates all samples of all requests.
pub fn generate<M: CachedModel>(
    model: &mut M,
    decode: Decode<'_>,
    requests: &[Request],
    how: &Generation,
    listener: &mut dyn Listener,
) -> Result<(), Failure> {
    let stops = Stops::new(&how.stop);
    let rules = Rules { how, stops: &stops, decode, requests };
    let mut batch: Vec<Option<Running>> = (0..model.slots()).map(|_| None).collect();
    let mut queue = Queue { next: 0, waiting: VecDeque::new(), prompt: None };
    let mut samplers = vec![Picker::default(); rayon::current_num_threads().clamp(1, batch.len().max(1))];
    loop {
        fill(model, &rules, &mut batch, &mut queue, listener)?;
        let active = batch.iter().flatten().count();
        if active == 0 {
            return Ok(());
        }
        let cell =
            |slot: &Option<Running>| slot.as_ref().map_or((0, 0), |running| running.next_cell(requests));
        let (tokens, positions): (Vec<u32>, Vec<usize>) = batch.iter().map(cell).unzip();
        model.step(&tokens, &positions)?;
        model.with_logits(&mut |logits| advance(&rules, &mut batch, logits, &mut samplers));
        listener.stepped(active)?;
        for slot in &mut batch {
            if let Some(finished) = slot.take_if(|running| running.finish.is_some()) {
                listener.finished(finished.close(&rules))?;
            }
        }
    }
}

/// What is the same for all slots.
struct Rules<'a> {
    how: &'a Generation,
    stops: &'a Stops,
    decode: Decode<'a>,
    requests: &'a [Request],
}

/// What a thread needs to pick tokens; what is in it never influences a pick.
#[derive(Clone, Debug, Default)]
struct Picker {
    sampler: Sampler,
    penalised: Vec<f32>,
}

/// The text in flight in a slot.
struct Running {
    request: usize,
    sample: usize,
    draws: Draws,
    tokens: Vec<u32>,
    finish: Option<Finish>,
}

/// Requests that have not found slots yet. The prompt in hand is computed; `waiting` are its samples without a slot.
struct Queue {
    next: usize,
    waiting: VecDeque<usize>,
    /// The request of the prompt in hand, and the logits after it.
    prompt: Option<(usize, Vec<f32>)>,
}

/// Gives texts to free slots until all are taken or none is left. A text may end with its very first token.
fn fill<M: CachedModel>(
    model: &mut M,
    rules: &Rules<'_>,
    batch: &mut [Option<Running>],
    queue: &mut Queue,
    listener: &mut dyn Listener,
) -> Result<(), Failure> {
    let mut sampler = Picker::default();
    for (slot, place) in batch.iter_mut().enumerate() {
        while place.is_none() {
            let Some(sample) = queue.waiting.pop_front() else {
                let Some(request) = rules.requests.get(queue.next) else { return Ok(()) };
                if !request.samples.is_empty() {
                    check_length(request, rules.how, model.capacity())?;
                    queue.prompt = Some((queue.next, model.prefill(&request.prompt)?));
                    queue.waiting = request.samples.iter().copied().collect();
                }
                queue.next += 1;
                continue;
            };
            let Some((request, logits)) = &queue.prompt else { bug("a sample waits without its prompt") };
            let draws = Draws::new(rules.how.seed, &rules.requests[*request].id, sample as u64);
            let mut running = Running { request: *request, sample, draws, tokens: Vec::new(), finish: None };
            running.advance(rules, logits, &mut sampler);
            listener.stepped(1)?;
            if running.finish.is_some() {
                listener.finished(running.close(rules))?;
            } else {
                model.place(slot)?;
                *place = Some(running);
            }
        }
    }
    Ok(())
}

fn check_length(request: &Request, how: &Generation, capacity: usize) -> Result<(), Failure> {
    if request.prompt.is_empty() {
        return Err(Failure::input(format!("the prompt of `{}` has no token", request.id)));
    }
    let length = request.prompt.len() + how.max_new_tokens;
    if length > capacity {
        let message = format!(
            "the prompt of `{}` has {} tokens, which with `max_new_tokens = {}` is more than the model holds: {capacity}",
            request.id,
            request.prompt.len(),
            how.max_new_tokens
        );
        return Err(Failure::input(message).hint("lower `max_new_tokens`, or shorten the prompt"));
    }
    Ok(())
}

/// Picks the next token in every slot, on all cores: the calling thread takes a share as well, which saves waking one more.
fn advance(rules: &Rules<'_>, batch: &mut [Option<Running>], logits: &[f32], samplers: &mut [Picker]) {
    let vocabulary = logits.len() / batch.len();
    let share = batch.len().div_ceil(samplers.len());
    let rows = logits.chunks(vocabulary * share);
    let mut shares = batch.chunks_mut(share).zip(rows).zip(samplers);
    let own = shares.next();
    let pick = |((slots, rows), sampler): ((&mut [Option<Running>], &[f32]), &mut Picker)| {
        for (slot, row) in slots.iter_mut().zip(rows.chunks(vocabulary)) {
            if let Some(running) = slot {
                running.advance(rules, row, sampler);
            }
        }
    };
    rayon::in_place_scope(|scope| {
        let pick = &pick;
        shares.for_each(|share| scope.spawn(move |_| pick(share)));
        own.into_iter().for_each(pick);
    });
}

impl Running {
    /// The token that goes into the next step, and its position.
    fn next_cell(&self, requests: &[Request]) -> (u32, usize) {
        let Some(last) = self.tokens.last() else { bug("a slot without a token") };
        (*last, requests[self.request].prompt.len() + self.tokens.len() - 1)
    }

    /// Picks the next token from `logits`.
    fn advance(&mut self, rules: &Rules<'_>, logits: &[f32], picker: &mut Picker) {
        self.draws.seek(self.tokens.len() as u64);
        let prompt = &rules.requests[self.request].prompt;
        let logits = rules.how.penalties.apply(logits, prompt, &self.tokens, &mut picker.penalised);
        let token = picker.sampler.pick(logits, &rules.how.sampling, self.draws.bits());
        if rules.how.end.contains(&token) {
            self.finish = Some(Finish::End);
            return;
        }
        self.tokens.push(token);
        if rules.stops.may_end(rules.decode, &self.tokens) && rules.stops.cut(&self.text(rules)).is_some() {
            self.finish = Some(Finish::Stop);
        } else if self.tokens.len() >= rules.how.max_new_tokens {
            self.finish = Some(Finish::Length);
        }
    }

    fn text(&self, rules: &Rules<'_>) -> String {
        text::completion(rules.decode, &rules.requests[self.request].prompt, &self.tokens)
    }

    fn close(self, rules: &Rules<'_>) -> Finished {
        let text = self.text(rules);
        let Some(finish) = self.finish else { bug("an unfinished text was closed") };
        let (text, finish) = match rules.stops.cut(&text) {
            Some(head) => (head.to_owned(), Finish::Stop),
            None => (text, finish),
        };
        Finished { request: self.request, sample: self.sample, tokens: self.tokens, text, finish }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const VOCABULARY: usize = 40;

    /// A model whose logits are a function of the tokens in the slot's cache: it shows whether the loop puts the right
    /// tokens into the right slots.
    struct Toy {
        caches: Vec<Vec<u32>>,
        prompt: Vec<u32>,
        logits: Vec<f32>,
        prefills: usize,
    }

    fn logits_after(tokens: &[u32]) -> Vec<f32> {
        let text = format!("{tokens:?}");
        let mut draws = Draws::new(0, &text, 0);
        (0..VOCABULARY).map(|_| 4.0 * draws.uniform() as f32).collect()
    }

    impl CachedModel for Toy {
        fn slots(&self) -> usize {
            self.caches.len()
        }

        fn capacity(&self) -> usize {
            64
        }

        fn prefill(&mut self, prompt: &[u32]) -> Result<Vec<f32>, Failure> {
            self.prefills += 1;
            self.prompt = prompt.to_vec();
            Ok(logits_after(prompt))
        }

        fn place(&mut self, slot: usize) -> Result<(), Failure> {
            self.caches[slot].clone_from(&self.prompt);
            Ok(())
        }

        fn step(&mut self, tokens: &[u32], positions: &[usize]) -> Result<(), Failure> {
            self.logits.clear();
            for ((cache, &token), &position) in self.caches.iter_mut().zip(tokens).zip(positions) {
                cache.truncate(position);
                cache.push(token);
                self.logits.extend(logits_after(cache));
            }
            Ok(())
        }

        fn with_logits(&self, read: &mut dyn FnMut(&[f32])) {
            read(&self.logits);
        }
    }

    #[derive(Default)]
    struct Log {
        finished: Vec<Finished>,
        tokens: usize,
        stop_after: Option<usize>,
    }

    impl Listener for Log {
        fn finished(&mut self, finished: Finished) -> Result<(), Failure> {
            self.finished.push(finished);
            if self.stop_after == Some(self.finished.len()) { Err(Failure::cancelled()) } else { Ok(()) }
        }

        fn stepped(&mut self, tokens: usize) -> Result<(), Failure> {
            self.tokens += tokens;
            Ok(())
        }
    }

    fn decode(tokens: &[u32]) -> String {
        tokens.iter().filter_map(|token| char::from_u32(u32::from('a') + token)).collect()
    }

    fn requests() -> Vec<Request> {
        (0..13_u32)
            .map(|index| Request {
                id: format!("question-{index}"),
                prompt: (0..=index % 5).map(|offset| (index * 3 + offset) % VOCABULARY as u32).collect(),
                samples: (0..3).collect(),
            })
            .collect()
    }

    fn how(temperature: f32) -> Generation {
        Generation {
            sampling: Sampling { temperature, top_p: 0.9, ..Sampling::FREE },
            penalties: Penalties { repetition: 1.3, presence: 0.2, frequency: 0.1 },
            max_new_tokens: 9,
            stop: vec!["cd".to_owned(), "f".to_owned()],
            end: vec![1, 2],
            seed: 11,
        }
    }

    fn run(requests: &[Request], slots: usize, log: &mut Log) -> (Toy, Result<(), Failure>) {
        let mut model =
            Toy { caches: vec![Vec::new(); slots], prompt: Vec::new(), logits: Vec::new(), prefills: 0 };
        let result = generate(&mut model, &decode, requests, &how(1.0), log);
        (model, result)
    }

    /// Texts by request id and sample.
    fn texts(
        requests: &[Request],
        finished: &[Finished],
    ) -> BTreeMap<(String, usize), (String, &'static str)> {
        let entry = |finished: &Finished| {
            let key = (requests[finished.request].id.clone(), finished.sample);
            (key, (finished.text.clone(), finished.finish.name()))
        };
        finished.iter().map(entry).collect()
    }

    #[test]
    fn every_sample_is_what_a_loop_of_its_own_would_give() {
        let requests = requests();
        let mut log = Log::default();
        let (model, result) = run(&requests, 4, &mut log);
        result.unwrap();
        assert_eq!(log.finished.len(), 39);
        assert_eq!(model.prefills, 13, "every prompt is computed once");
        let how = how(1.0);
        let mut finishes = BTreeMap::new();
        for finished in &log.finished {
            let request = &requests[finished.request];
            let mut draws = Draws::new(how.seed, &request.id, finished.sample as u64);
            let mut text = request.prompt.clone();
            let (mut sampler, mut penalised) = (Sampler::default(), Vec::new());
            for expected in &finished.tokens {
                let after = logits_after(&text);
                let (prompt, completion) = text.split_at(request.prompt.len());
                let logits = how.penalties.apply(&after, prompt, completion, &mut penalised);
                let token = sampler.pick(logits, &how.sampling, draws.bits());
                assert_eq!(token, *expected);
                text.push(token);
            }
            *finishes.entry(finished.finish.name()).or_insert(0) += 1;
            assert!(!finished.text.contains("cd") && !finished.text.contains('f'), "{}", finished.text);
        }
        assert_eq!(finishes.len(), 3, "all ways of ending occur: {finishes:?}");
    }

    #[test]
    fn order_subset_slots_and_restart_do_not_change_a_text() {
        let requests = requests();
        let mut log = Log::default();
        run(&requests, 4, &mut log).1.unwrap();
        let expected = texts(&requests, &log.finished);

        let mut shuffled = requests.clone();
        Draws::new(5, "order", 0).shuffle(&mut shuffled);
        for slots in [1, 3, 7, 64] {
            let mut log = Log::default();
            run(&shuffled, slots, &mut log).1.unwrap();
            assert_eq!(texts(&shuffled, &log.finished), expected, "{slots} slots");
        }

        let subset = &requests[4..7];
        let mut log = Log::default();
        run(subset, 4, &mut log).1.unwrap();
        assert_eq!(log.finished.len(), 9);
        assert!(texts(subset, &log.finished).iter().all(|(key, text)| expected[key] == *text));

        let mut first = Log { stop_after: Some(17), ..Log::default() };
        run(&requests, 4, &mut first).1.unwrap_err();
        let mut rest = requests.clone();
        for finished in &first.finished {
            rest[finished.request].samples.retain(|sample| *sample != finished.sample);
        }
        let mut second = Log::default();
        run(&rest, 4, &mut second).1.unwrap();
        let mut all = texts(&requests, &first.finished);
        all.extend(texts(&requests, &second.finished));
        assert_eq!((all, second.finished.len()), (expected, 39 - 17));
    }

    #[test]
    fn a_prompt_that_does_not_fit_is_an_error_that_names_it() {
        let long = Request { id: "long".to_owned(), prompt: vec![3; 60], samples: vec![0] };
        let (_, result) = run(&[long], 2, &mut Log::default());
        assert!(result.unwrap_err().message.contains("`long`"));
        let empty = Request { id: "empty".to_owned(), prompt: vec![], samples: vec![0] };
        let (_, result) = run(&[empty], 2, &mut Log::default());
        assert!(result.unwrap_err().message.contains("`empty`"));
    }
}
