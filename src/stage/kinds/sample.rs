//! `sample`: lets a model answer questions, several times each.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    adapter::open_decoder,
    chat::{self, ChatSpec},
    splits::of_splits,
};
use crate::{
    artifact::{
        ADAPTER, MODEL,
        row::{Row, completion::Completion, question::Question},
    },
    checkpoint::folder::ModelFiles,
    decode::{
        generate::{self, Finished, Generation, Listener, Request},
        journal::Journal,
        sampler::Sampling,
        slots::Slots,
    },
    failure::{Failure, bug},
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
    token::{Encoder, Encoding, Tokenizer},
};

/// Lets a model answer questions.
#[derive(Debug)]
pub enum Sample {}

/// Settings of `sample`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleSpec {
    /// The model that answers.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// An adapter beside the model's weights, as `train` writes it or `adapter` takes it in.
    #[serde(default, skip_serializing)]
    pub adapter: Option<Reference>,
    /// The questions.
    #[serde(skip_serializing)]
    pub questions: Reference,
    /// Only questions of these splits; empty for all.
    #[serde(default)]
    pub splits: Vec<String>,
    /// How many answers each question gets in each language.
    #[serde(default = "one")]
    pub samples: usize,
    /// Logits are divided by it; 0 always takes the most likely token.
    #[serde(default = "neutral")]
    pub temperature: f64,
    /// Only the most likely tokens are kept, this many; 0 keeps all.
    #[serde(default)]
    pub top_k: usize,
    /// Of those, the smallest set with at least this share of the probability is kept.
    #[serde(default = "neutral")]
    pub top_p: f64,
    /// The longest answer, in tokens.
    #[serde(default = "max_new_tokens")]
    pub max_new_tokens: usize,
    /// Texts that end an answer; they are not part of it.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// The text the model is given; `{question}` stands for the question.
    #[serde(default = "prompt")]
    pub prompt: String,
    /// Whether prompts pass through the chat template that comes with the model, as a user's message: `true`, or a table
    /// with more about it.
    #[serde(default, deserialize_with = "chat::deserialize")]
    #[schemars(schema_with = "chat::schema")]
    pub chat: Option<ChatSpec>,
    /// How many texts are in flight at once.
    #[serde(default = "slots")]
    pub slots: usize,
}

fn one() -> usize {
    1
}
fn neutral() -> f64 {
    1.0
}
fn max_new_tokens() -> usize {
    64
}
fn prompt() -> String {
    PLACEHOLDER.to_owned()
}
fn slots() -> usize {
    32
}

const PLACEHOLDER: &str = "{question}";

/// Caches hold a multiple of this many tokens.
const CAPACITY_STEP: usize = 64;

/// More slots than this are a slip of the pen.
const MOST_SLOTS: usize = 4096;

impl Kind for Sample {
    const NAME: &'static str = "sample";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "a model's answers to questions, several each";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = SampleSpec;

    fn ports(spec: &SampleSpec) -> Ports {
        let ports = Ports::default().reads("model", &spec.model, MODEL);
        let ports = match &spec.adapter {
            Some(adapter) => ports.reads("adapter", adapter, ADAPTER),
            None => ports,
        };
        ports.reads("questions", &spec.questions, Question::KIND).writes("completions", Completion::KIND)
    }

    fn check(spec: &SampleSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut at_least_one = |field: &str, value: usize| {
            if value == 0 {
                problems.push(Problem::new(field, "must be at least 1: 0", format!("`{field} = 1`")));
            }
        };
        at_least_one("samples", spec.samples);
        at_least_one("max_new_tokens", spec.max_new_tokens);
        at_least_one("slots", spec.slots);
        if spec.slots > MOST_SLOTS {
            let message = format!("must be at most {MOST_SLOTS}: {}", spec.slots);
            problems.push(Problem::new("slots", message, "every slot holds a cache of keys and values"));
        }
        // Compared so that NaN fails.
        if !(0.0..=100.0).contains(&spec.temperature) {
            let message = format!("must be between 0 and 100: {}", spec.temperature);
            problems.push(Problem::new("temperature", message, "0 always takes the most likely token"));
        }
        if !(spec.top_p > 0.0 && spec.top_p <= 1.0) {
            let message = format!("must be above 0 and at most 1: {}", spec.top_p);
            problems.push(Problem::new("top_p", message, "1 keeps all tokens"));
        }
        if spec.stop.iter().any(String::is_empty) {
            problems.push(Problem::new("stop", "a stop string is empty", "leave it out"));
        }
        if !spec.prompt.contains(PLACEHOLDER) {
            let message = format!("does not contain `{PLACEHOLDER}`");
            problems.push(Problem::new("prompt", message, "every question would get the same prompt"));
        }
        problems.extend(ChatSpec::check(spec.chat.as_ref()));
        problems
    }

    fn run(cx: &Context<'_>, spec: &SampleSpec) -> Result<(), Failure> {
        let all: Vec<Question> = cx.rows("questions")?;
        let questions = of_splits(&all, &spec.splits)?;
        check_unique(&questions)?;
        let prompts: Vec<String> =
            questions.iter().map(|question| spec.prompt.replace(PLACEHOLDER, &question.question)).collect();
        let (mut journal, earlier) = Journal::<Answer>::open(&cx.journal.join("answers.jsonl"))?;
        let mut answers: BTreeMap<(usize, usize), Answer> = BTreeMap::new();
        answers.extend(earlier.into_iter().map(|answer| ((answer.question, answer.sample), answer)));
        if answers.len() < questions.len() * spec.samples {
            let mut listener = Progress::new(cx, &mut journal, &mut answers, questions.len() * spec.samples);
            answer(cx, spec, &questions, &prompts, &mut listener)?;
        }
        let mut writer = cx.write_rows::<Completion>("completions")?;
        for (index, (question, prompt)) in questions.iter().zip(&prompts).enumerate() {
            for sample in 0..spec.samples {
                let answer = answers.remove(&(index, sample)).unwrap_or_else(|| bug("an answer is missing"));
                writer.write(&Completion {
                    id: question.id.clone(),
                    lang: question.lang.clone(),
                    sample,
                    prompt: prompt.clone(),
                    completion: answer.text,
                    finish: answer.finish,
                })?;
            }
        }
        writer.finish()?;
        Ok(())
    }
}

/// A finished answer, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answer {
    /// Position of the question.
    question: usize,
    sample: usize,
    text: String,
    finish: String,
    tokens: usize,
}

fn check_unique(questions: &[&Question]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for question in questions {
        if !seen.insert((&question.id, &question.lang)) {
            let message = format!("question `{}` is there twice in `{}`", question.id, question.lang);
            return Err(Failure::input(message).hint("ids must be unique within a language"));
        }
    }
    Ok(())
}

/// Generates the answers that the listener does not have yet.
fn answer(
    cx: &Context<'_>,
    spec: &SampleSpec,
    questions: &[&Question],
    prompts: &[String],
    listener: &mut Progress<'_, '_>,
) -> Result<(), Failure> {
    let files = ModelFiles::of(cx.input("model"));
    let tokenizer = Tokenizer::open(&files)?;
    let runtime = cx.runtime()?;
    let decoder = open_decoder(cx, runtime, &files)?;
    decoder.check_vocabulary(tokenizer.vocabulary_size())?;
    let encoding = Encoding { chat: spec.chat.as_ref().map(Into::into), ..Encoding::default() };
    let encoder = Encoder::new(&tokenizer, &files, &encoding)?;
    let mut requests = Vec::new();
    for (index, (question, prompt)) in questions.iter().zip(prompts).enumerate() {
        requests.push(Request {
            id: format!("{}/{}", question.id, question.lang),
            prompt: encoder.prompt(prompt)?,
            samples: (0..spec.samples).filter(|sample| !listener.has(index, *sample)).collect(),
        });
    }
    let longest = requests.iter().map(|request| request.prompt.len()).max().unwrap_or(0);
    let capacity = (longest + spec.max_new_tokens).next_multiple_of(CAPACITY_STEP);
    let capacity = capacity.min(decoder.network.sizes().positions);
    let mut slots = Slots::new(runtime, &decoder, spec.slots, capacity)?;
    let how = Generation {
        sampling: Sampling {
            temperature: spec.temperature as f32,
            top_k: spec.top_k,
            top_p: spec.top_p as f32,
        },
        max_new_tokens: spec.max_new_tokens,
        stop: spec.stop.clone(),
        end: tokenizer.special().ends.clone(),
        seed: spec.seed,
    };
    let decode = |tokens: &[u32]| tokenizer.decode(tokens);
    generate::generate(&mut slots, &decode, &requests, &how, listener)
}

/// Keeps finished answers and tells how far the work has come.
struct Progress<'p, 'c> {
    cx: &'p Context<'c>,
    journal: &'p mut Journal<Answer>,
    answers: &'p mut BTreeMap<(usize, usize), Answer>,
    wanted: usize,
    /// Tokens generated so far, those of earlier runs included.
    tokens: usize,
    /// Tokens of finished answers.
    finished: usize,
}

impl<'p, 'c> Progress<'p, 'c> {
    fn new(
        cx: &'p Context<'c>,
        journal: &'p mut Journal<Answer>,
        answers: &'p mut BTreeMap<(usize, usize), Answer>,
        wanted: usize,
    ) -> Self {
        let tokens = answers.values().map(|answer| answer.tokens).sum();
        Self { cx, journal, answers, wanted, tokens, finished: tokens }
    }

    fn has(&self, question: usize, sample: usize) -> bool {
        self.answers.contains_key(&(question, sample))
    }
}

impl Listener for Progress<'_, '_> {
    fn finished(&mut self, finished: Finished) -> Result<(), Failure> {
        let tokens = finished.tokens.len();
        let answer = Answer {
            question: finished.request,
            sample: finished.sample,
            text: finished.text,
            finish: finished.finish.name().to_owned(),
            tokens,
        };
        self.finished += tokens;
        self.journal.append(&answer)?;
        self.answers.insert((answer.question, answer.sample), answer);
        Ok(())
    }

    fn stepped(&mut self, tokens: usize) -> Result<(), Failure> {
        self.tokens += tokens;
        // How many tokens there will be is an estimate: unfinished answers count as long as finished ones are on average.
        let total = match self.answers.len() {
            0 => 0,
            done => (self.finished * self.wanted / done).max(self.tokens),
        };
        self.cx.observer.progress(self.tokens as u64, total as u64, "tokens");
        self.cx.check_cancelled()
    }
}
