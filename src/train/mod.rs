//! The training loop: examples in rows, gradient steps in ONNX Runtime, a journal that survives a kill.
//!
//! In: a network with its weights, examples as token ids, settings. Out: the trained vector ([`Fitted`]) and what each
//! step reported.
//!
//! ```text
//! examples -- order --> examples of a step -- batch --> rows -- training graph --> gradient -- optimizer --> next vector
//!                                                          (graph, step: buffers stay on the device)
//! ```
//!
//! # Invariants
//! - A step is a function of the settings, the examples and the state before it: no clock, no generator that runs on.
//!   So a run that goes on from its journal ends with the same bits as one that was never interrupted.
//! - Nothing here reads rows, tokenizes, or knows what a stage is.

pub mod batch;
pub mod example;
pub mod export;
pub mod foreign;
pub mod graph;
pub mod layout;
mod metric;
pub mod order;
pub mod program;
mod run;
pub mod state;
pub mod step;

use std::path::Path;

use self::{
    batch::Packing,
    example::{Example, Prompts},
    graph::{Form, Goal, Trained},
    layout::Layout,
    program::Program,
    run::Run,
    state::{Journal, State, StepRecord},
    step::Stepper,
};
use crate::{
    checkpoint::Weights,
    failure::{Failure, bug},
    model::{
        arch::Network,
        auxiliary::Auxiliary,
        lora,
        loss::{self, Loss, Settings as LossSettings},
        optim::{adamw::AdamW, schedule::Schedule},
    },
    runtime::{Runtime, SessionOptions},
};

/// How to train.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The objective.
    pub loss: &'static dyn Loss,
    /// Its numbers.
    pub loss_settings: LossSettings,
    /// What is added to the objective.
    pub auxiliary: Option<Auxiliary>,
    /// The optimizer.
    pub optimizer: AdamW,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// The share of all steps that warm up, 0 to 1.
    pub warmup_ratio: f64,
    /// Passes over the examples; above 0.
    pub epochs: f64,
    /// Optimizer steps, instead of `epochs`.
    pub steps: Option<usize>,
    /// Examples per batch, or groups of them if the loss is one over groups; at least 1.
    pub batch_size: usize,
    /// Batches per optimizer step; at least 1.
    pub accumulation: usize,
    /// The languages in the order in which every epoch goes through them, each to its end; without it all are mixed.
    pub languages: Option<Vec<String>>,
    /// Whether examples of a batch share rows.
    pub packing: Packing,
    /// How the graph computes.
    pub form: Form,
    /// Decides the order of the examples and the first values of adapters.
    pub seed: u64,
    /// After how many tokens a state is written; chosen by what that costs if absent. Changes no number.
    pub save_after: Option<u64>,
}

impl Settings {
    /// What is learned.
    pub fn goal(&self) -> Goal<'_> {
        Goal { loss: self.loss, settings: &self.loss_settings, auxiliary: self.auxiliary.as_ref() }
    }

    /// The first values of the auxiliary term's part of the trainable vector.
    pub fn initial_auxiliary(&self, network: &dyn Network) -> Vec<f32> {
        let width = network.sizes().width;
        self.auxiliary.as_ref().map_or_else(Vec::new, |aux| aux.initial(width, self.seed))
    }

    /// The objective called `name`.
    pub fn objective(name: &str) -> Option<&'static dyn Loss> {
        loss::find(name)
    }

    /// The names of all objectives.
    pub fn objectives() -> Vec<&'static str> {
        loss::LOSSES.iter().map(|loss| loss.name()).collect()
    }
}

/// Who hears how training goes.
pub trait Listener {
    /// `done` of `total` tokens went through the model.
    fn progress(&self, done: u64, total: u64);
    /// Whether to stop; asked before each step.
    fn is_cancelled(&self) -> bool;
}

/// What training ends with.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// Where each tensor lies in `trainable`.
    pub layout: Layout,
    /// The trained vector.
    pub trainable: Vec<f32>,
    /// What each step reported.
    pub records: Vec<StepRecord>,
}

/// The first trainable vector without the part of an auxiliary term: the weights themselves, or adapters that change
/// nothing yet.
pub fn initial(
    trained: &Trained,
    layout: &Layout,
    weights: &Weights,
    seed: u64,
) -> Result<Vec<f32>, Failure> {
    let mut vector = Vec::with_capacity(layout.len());
    match trained {
        Trained::All => {
            for slot in layout.of_model() {
                let tensor = weights.get(&slot.name).filter(|tensor| tensor.shape() == slot.shape);
                let values = tensor.and_then(|tensor| tensor.as_f32()).ok_or_else(|| {
                    Failure::input(format!(
                        "the model has no f32 tensor `{}` of shape {:?}",
                        slot.name, slot.shape
                    ))
                })?;
                vector.extend_from_slice(values);
            }
        }
        Trained::Adapters(_, targets) => {
            let first: Vec<String> = targets.iter().map(lora::Target::a).collect();
            for slot in layout.of_model() {
                if first.contains(&slot.name) {
                    vector.extend(lora::initial_a(seed, &slot.name, slot.shape[0], slot.shape[1]));
                } else {
                    vector.resize(vector.len() + slot.len(), 0.0);
                }
            }
        }
    }
    Ok(vector)
}

/// What is trained on what, and how.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// Which of its tensors, or which adapters.
    pub trained: &'a Trained,
    /// At least one, all of the loss's number of branches and scorable.
    pub examples: &'a [Example],
    /// The prompts of the auxiliary term, if the settings have one.
    pub prompts: Option<&'a Prompts>,
    /// How.
    pub settings: &'a Settings,
}

/// Trains. What is in the folder `journal` is gone on from, if it belongs to a run of the same size; the caller sees to
/// it that it belongs to the same task.
pub fn fit(
    runtime: &Runtime,
    task: Task<'_>,
    mut weights: Weights,
    journal: &Path,
    listener: &dyn Listener,
) -> Result<Fitted, Failure> {
    let Task { network, trained, examples, prompts, settings } = task;
    let training = graph::build(network, trained, settings.goal(), settings.form);
    let program = Program::from(&training);
    let mut first = initial(trained, &program.layout, &weights, settings.seed)?;
    first.extend(settings.initial_auxiliary(network));
    weights.retain(|name, _| program.frozen.contains_key(name));
    let job = Job { program, first, frozen: weights, examples, prompts, settings };
    fit_program(runtime, job, journal, listener)
}

/// A training run of a graph that may come from elsewhere.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The training graph.
    pub program: Program,
    /// The first trainable vector.
    pub first: Vec<f32>,
    /// The frozen weights that the program names.
    pub frozen: Weights,
    /// As in [`Task`].
    pub examples: &'a [Example],
    /// As in [`Task`].
    pub prompts: Option<&'a Prompts>,
    /// How; `form` and `loss_settings` are the program's own affair.
    pub settings: &'a Settings,
}

/// [`fit`] with any training graph.
pub fn fit_program(
    runtime: &Runtime,
    job: Job<'_>,
    journal: &Path,
    listener: &dyn Listener,
) -> Result<Fitted, Failure> {
    let Job { program, first, frozen, examples, prompts, settings } = job;
    if examples.is_empty() {
        bug("training on no examples");
    }
    let journal = Journal::new(journal);
    let (state, records) = if let Some(resumed) = journal.load(program.layout.len())? {
        resumed
    } else {
        journal.clear()?;
        let zeros = vec![0.0; first.len()];
        (State { step: 0, trainable: first, first: zeros.clone(), second: zeros }, Vec::new())
    };
    let accumulates = settings.accumulation > 1;
    let options = session_options();
    let mut stepper = Stepper::new(runtime, &program, frozen, &settings.optimizer, accumulates, &options)?;
    stepper.set(&state)?;
    let interval = settings.save_after.unwrap_or_else(|| journal_interval(&program));
    let mut run = Run::new(&program, (examples, prompts), settings, journal, interval);
    let records = run.steps(&mut stepper, state.step, records, listener)?;
    let trainable = stepper.state(run.total)?.trainable;
    Ok(Fitted { layout: program.layout, trainable, records })
}

/// How training sets its sessions up. The library's plan of a run as one block of memory is left out: the block comes on top
/// of what the first run with the same shapes took piece by piece, which doubles the peak.
pub fn session_options() -> SessionOptions {
    SessionOptions { memory_pattern: false, ..SessionOptions::default() }
}

/// After how many tokens a state is written.
///
/// Writing costs time in proportion to what is trained, a token costs time in proportion to what it passes through. With
/// these numbers a laptop loses a few seconds of work to a kill, and spends about a hundredth of the time on writing.
fn journal_interval(program: &Program) -> u64 {
    /// Multiplications of a forward pass that are worth repeating after a kill.
    const MULTIPLICATIONS: u64 = 100_000_000_000;
    /// Tokens that take a hundred times as long to train on as a state takes to write, if all weights are trained.
    const TOKENS: u64 = 100_000;
    let frozen: u64 = program.frozen.values().map(|elements| *elements as u64).sum();
    let trained = program.layout.len() as u64;
    let passed = (frozen + trained).max(1);
    (MULTIPLICATIONS / passed).max(TOKENS.saturating_mul(trained) / passed)
}
