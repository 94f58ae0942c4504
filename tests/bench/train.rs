//! Seconds per optimizer step and tokens per second of training, beside `peers.py` and `lm.py`.
//!
//! `cargo bench --bench train -- FOLDER [dpo | lm] [--profile PREFIX]`, with FOLDER as made by `model.py`. Two threads; medians.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark, run by hand"
)]

use std::{path::PathBuf, time::Instant};

use chorale::{
    checkpoint::{Weights, folder::ModelFiles},
    model::{
        arch,
        lora::Lora,
        loss::{self, Unit},
        optim::adamw::AdamW,
        parameter::Role,
    },
    random::Draws,
    runtime::{Device, Runtime, RuntimeSettings, SessionOptions},
    tensor::Tensor,
    train::{
        batch::{Batch, Packing},
        example::Example,
        graph::{self, Form, Goal, Trained},
        initial,
        program::Program,
        state::State,
        step::Stepper,
    },
};
use serde_json::{Value as Json, json};

struct Job {
    name: &'static str,
    config: Json,
    weights: Option<Weights>,
    objective: &'static str,
    lora: Option<Lora>,
    /// One list of examples per step.
    steps: Vec<Vec<Example>>,
}

/// `w17 w4 ..` as model.py's tokenizer reads it.
fn words(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|word| word.trim_start_matches('w').parse().unwrap()).collect()
}

/// LoRA r=8 on q and v, 4 pairs a step: what `peers.py dpo-trl` does.
fn dpo(folder: &std::path::Path) -> Job {
    let files = ModelFiles::in_folder(&folder.join("model")).unwrap();
    let rows = std::fs::read_to_string(folder.join("pairs.jsonl")).unwrap();
    let end = |mut tokens: Vec<u32>| {
        tokens.push(1);
        tokens
    };
    let pairs: Vec<Example> = rows
        .lines()
        .map(|line| {
            let row: Json = serde_json::from_str(line).unwrap();
            let text = |field: &str| words(row[field].as_str().unwrap());
            Example {
                id: String::new(),
                prompt: text("prompt"),
                branches: vec![end(text("chosen")), end(text("rejected"))],
                references: vec![-900.0, -900.0],
                ..Example::default()
            }
        })
        .collect();
    Job {
        name: "dpo",
        config: Json::Object(files.config().unwrap()),
        weights: Some(files.weights().unwrap()),
        objective: "dpo",
        lora: Some(Lora {
            rank: 8,
            alpha: 16.0,
            rank_stabilised: false,
            dropout: 0.0,
            targets: vec!["q_proj".to_owned(), "v_proj".to_owned()],
        }),
        steps: pairs.chunks(4).map(<[Example]>::to_vec).collect(),
    }
}

/// All weights of a small decoder, 128 short texts a step: what `lm.py` does.
fn lm() -> Job {
    let config = json!({
        "model_type": "llama", "vocab_size": 3000, "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 3,
        "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 128, "tie_word_embeddings": true,
    });
    let mut draws = Draws::new(0, "texts", 0);
    let steps = (0..24)
        .map(|_| {
            (0..128)
                .map(|_| {
                    let text = (0..9 + draws.below(16)).map(|_| 3 + draws.below(2997) as u32).collect();
                    Example { id: String::new(), prompt: vec![0], branches: vec![text], ..Example::default() }
                })
                .collect()
        })
        .collect();
    Job { name: "lm", config, weights: None, objective: "lm", lora: None, steps }
}

fn runtime() -> Runtime {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let mut settings = RuntimeSettings::new(home.join(".cache/chorale"));
    settings.device = Device::Cpu;
    settings.threads = std::env::var("THREADS").map_or(2, |text| text.parse().unwrap());
    Runtime::open(&settings).unwrap()
}

fn random_weights(network: &dyn arch::Network) -> Weights {
    let tensor = |p: chorale::model::parameter::Parameter| {
        let mut draws = Draws::new(0, &p.name, 0);
        let count = p.shape.iter().product();
        let value = |_| if p.role == Role::Gain { 1.0 } else { 0.02 * draws.normal() as f32 };
        let values = (0..count).map(value).collect();
        (p.name, std::sync::Arc::new(Tensor::f32(&p.shape, values).unwrap()))
    };
    network.parameters().into_iter().map(tensor).collect()
}

fn measure(job: Job, options: &SessionOptions) {
    let network = arch::open(&job.config).unwrap();
    let weights = job.weights.unwrap_or_else(|| random_weights(&*network));
    let trained = Trained::new(&*network, job.lora.as_ref()).unwrap();
    let loss = loss::find(job.objective).unwrap();
    let training = graph::build(
        &*network,
        &trained,
        Goal { loss, settings: &loss.defaults(), auxiliary: None },
        Form::default(),
    );
    let optimizer = AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01, max_grad_norm: 1.0 };
    let trainable = initial(&trained, &training.layout, &weights, 0).unwrap();
    let zeros = vec![0.0; trainable.len()];
    let frozen = if job.lora.is_some() { weights } else { Weights::new() };
    let mut stepper =
        Stepper::new(&runtime(), &Program::from(&training), frozen, &optimizer, false, options).unwrap();
    stepper.set(&State { step: 0, trainable, first: zeros.clone(), second: zeros }).unwrap();
    let (mut seconds, mut updates, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for (step, examples) in job.steps.iter().enumerate() {
        let start = Instant::now();
        let batch = Batch::new(&examples.iter().collect::<Vec<_>>(), Packing::On);
        let (occupied, cells) = (batch.occupied(), batch.tokens.len());
        let units = if loss.unit() == Unit::Token { batch.scored() } else { examples.len() };
        let reported = stepper.gradient(&[batch], units).unwrap();
        let middle = Instant::now();
        stepper.update(&optimizer.rates(5e-6, step + 1)).unwrap();
        let elapsed = start.elapsed().as_secs_f64();
        assert!(reported.loss.is_finite());
        if step >= 4 {
            seconds.push(elapsed);
            updates.push(middle.elapsed().as_secs_f64());
            rates.push(occupied as f64 / elapsed);
        } else if step == 0 {
            println!("{}: {occupied} tokens in {cells} cells, loss {}", job.name, reported.loss);
        }
    }
    let row = json!({
        "job": format!("{}-chorale", job.name), "value": median(seconds), "unit": "s/step",
        "tokens_per_second": median(rates), "update_seconds": median(updates),
    });
    println!("{row}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let folder = PathBuf::from(arguments.first().cloned().unwrap_or_default());
    let wanted = |name: &str| arguments.len() < 2 || arguments[1] == name;
    let profile = arguments.iter().position(|argument| argument == "--profile").map(|at| &arguments[at + 1]);
    let options = SessionOptions { profile: profile.map(PathBuf::from), ..chorale::train::session_options() };
    if wanted("lm") {
        measure(lm(), &options);
    }
    if wanted("dpo") {
        measure(dpo(&folder), &options);
    }
}
