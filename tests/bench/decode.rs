//! Tokens per second of sampling and questions per second of ranking, beside `peers.py`.
//!
//! `cargo bench --bench decode -- FOLDER [generate | rank]`, with FOLDER as made by `model.py`. Two threads; medians.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark, run by hand"
)]

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use chorale::{
    checkpoint::folder::ModelFiles,
    decode::{
        generate::{CachedModel, Finished, Generation, Listener, Request, generate},
        load::Decoder,
        penalty::Penalties,
        sampler::{Sampler, Sampling},
        score::{Scope, Scorer},
        slots::Slots,
    },
    failure::Failure,
    model::row::Row,
    runtime::{Device, Runtime, RuntimeSettings},
};
use serde_json::{Value as Json, json};

const NEW_TOKENS: usize = 128;

struct Count(usize);

impl Listener for Count {
    fn finished(&mut self, finished: Finished) -> Result<(), Failure> {
        self.0 += finished.tokens.len();
        Ok(())
    }

    fn stepped(&mut self, _tokens: usize) -> Result<(), Failure> {
        Ok(())
    }
}

fn rows(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `w17 w4 ..` as model.py's tokenizer reads it.
fn words(text: &Json) -> Vec<u32> {
    let words = text.as_str().unwrap().split_whitespace();
    words.map(|word| word.trim_start_matches('w').parse().unwrap()).collect()
}

/// 32 prompts of 64 tokens, 128 new tokens each, top-p 0.9: what `peers.py generate-transformers` does.
fn sampling(runtime: &Runtime, decoder: &Decoder, folder: &Path) -> Json {
    let prompts: Vec<Vec<u32>> =
        rows(&folder.join("prompts.jsonl")).iter().map(|row| words(&row["question"])).collect();
    let mut slots = Slots::new(runtime, decoder, 32, 192).unwrap();
    let mut rates = Vec::new();
    for seed in 0..6 {
        let request = |(index, prompt): (usize, &Vec<u32>)| Request {
            id: index.to_string(),
            prompt: prompt.clone(),
            samples: vec![0],
        };
        let requests: Vec<Request> = prompts.iter().enumerate().map(request).collect();
        let how = Generation {
            sampling: Sampling { top_p: 0.9, ..Sampling::FREE },
            penalties: Penalties::NONE,
            max_new_tokens: NEW_TOKENS,
            stop: Vec::new(),
            end: Vec::new(),
            seed,
        };
        let mut count = Count(0);
        let start = Instant::now();
        generate(&mut slots, &|_| String::new(), &requests, &how, &mut count).unwrap();
        let rate = count.0 as f64 / start.elapsed().as_secs_f64();
        assert_eq!(count.0, 32 * NEW_TOKENS);
        rates.push(rate);
    }
    parts(&mut slots, &prompts);
    json!({"job": "generate-chorale", "value": median(&rates[1..]), "unit": "tokens/s", "all": rates})
}

/// Seconds of a prefill, a placement, a step and a pick by themselves: median and least.
fn parts(slots: &mut Slots, prompts: &[Vec<u32>]) {
    let (mut prefills, mut placements, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for (slot, prompt) in prompts.iter().enumerate() {
        let start = Instant::now();
        slots.prefill(prompt).unwrap();
        prefills.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        slots.place(slot).unwrap();
        placements.push(start.elapsed().as_secs_f64());
    }
    for position in 64..192 {
        let start = Instant::now();
        slots.step(&[7; 32], &[position; 32]).unwrap();
        steps.push(start.elapsed().as_secs_f64());
    }
    let sampling = Sampling { top_p: 0.9, ..Sampling::FREE };
    let (mut sampler, mut picks) = (Sampler::default(), Vec::new());
    slots.with_logits(&mut |logits| {
        for (draw, row) in (0..).zip(logits.chunks(logits.len() / 32)) {
            let start = Instant::now();
            sampler.pick(row, &sampling, draw << 58);
            picks.push(start.elapsed().as_secs_f64());
        }
    });
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let both = |values: &[f64]| [median(values), least(values)];
    let (prefill, place, step, pick) = (both(&prefills), both(&placements), both(&steps), both(&picks));
    println!("{}", json!({"prefill": prefill, "place": place, "step": step, "pick": pick}));
}

/// 10 candidates of about 3 tokens behind about 24: what `peers.py rank-lm-eval` does.
fn ranking(runtime: &Runtime, decoder: &Decoder, folder: &Path) -> Json {
    let row = |row: &Json| {
        let choices: Vec<Vec<u32>> = row["choices"].as_array().unwrap().iter().map(words).collect();
        Row::new(&words(&row["question"]), &choices)
    };
    let questions: Vec<Row> = rows(&folder.join("questions.jsonl")).iter().map(row).collect();
    let mut scorer = Scorer::new(runtime, decoder).unwrap();
    let mut rates = Vec::new();
    for _ in 0..6 {
        let start = Instant::now();
        let mut scored = 0;
        let mut count = |_, _| {
            scored += 1;
            Ok(())
        };
        scorer.score(&questions, Scope::Branches, 2048, &mut count).unwrap();
        rates.push(questions.len() as f64 / start.elapsed().as_secs_f64());
        assert_eq!(scored, questions.len());
    }
    json!({"job": "rank-chorale", "value": median(&rates[1..]), "unit": "questions/s", "all": rates})
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let folder = PathBuf::from(arguments.first().cloned().unwrap_or_default());
    let wanted = |name: &str| arguments.len() < 2 || arguments[1] == name;
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let mut settings = RuntimeSettings::new(home.join(".cache/chorale"));
    settings.device = Device::Cpu;
    settings.threads = 2;
    let runtime = Runtime::open(&settings).unwrap();
    let files = ModelFiles::in_folder(&folder.join("model")).unwrap();
    let decoder = Decoder::open(&runtime, &files).unwrap();
    if wanted("generate") {
        println!("{}", sampling(&runtime, &decoder, &folder));
    }
    if wanted("rank") {
        println!("{}", ranking(&runtime, &decoder, &folder));
    }
}
