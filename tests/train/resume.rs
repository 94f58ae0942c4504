//! A run that is interrupted and goes on ends with the same bits as one that is not.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests; the child is told through its environment what to do"
)]

use std::{
    cell::Cell,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use chorale::{
    failure::Cause,
    model::lora::Lora,
    train::{self, Fitted, Listener, Settings, Task, example::Example, graph::Trained},
};

use super::{Deaf, case, examples, model, settings};

/// Cancels after a number of steps.
struct Impatient {
    left: Cell<usize>,
}

impl Listener for Impatient {
    fn progress(&self, _done: u64, _total: u64) {}

    fn is_cancelled(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }
}

fn fit(
    settings: &Settings,
    lora: Option<&Lora>,
    examples: &[Example],
    journal: &Path,
    listener: &dyn Listener,
) -> Result<Fitted, chorale::failure::Failure> {
    let (network, weights) = model("untied");
    let trained = Trained::new(&*network, lora).unwrap();
    let runtime = crate::runtime::runtime();
    let task = Task { network: &*network, trained: &trained, examples, prompts: None, settings };
    train::fit(runtime, task, weights, journal, listener)
}

fn interrupted_equals_straight(settings: &Settings, lora: Option<&Lora>, examples: &[Example]) {
    let folder = tempfile::tempdir().unwrap();
    let straight = fit(settings, lora, examples, folder.path(), &Deaf).unwrap();
    assert!(straight.records.len() >= 6);
    let folder = tempfile::tempdir().unwrap();
    for steps in [1, 0, 2, 1] {
        let listener = Impatient { left: Cell::new(steps) };
        let failure = fit(settings, lora, examples, folder.path(), &listener).unwrap_err();
        assert_eq!(failure.cause, Cause::Cancelled);
    }
    let resumed = fit(settings, lora, examples, folder.path(), &Deaf).unwrap();
    assert_eq!(resumed.records, straight.records);
    let bits = |fitted: &Fitted| fitted.trainable.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&resumed), bits(&straight));
}

#[test]
fn all_weights_end_with_the_same_bits() {
    let (facts, _) = case("tied-lm-steps");
    let texts: Vec<Example> = facts["batches"].as_array().unwrap().iter().flat_map(examples).collect();
    let mut settings = settings("lm");
    settings.batch_size = 3;
    settings.accumulation = 2;
    settings.epochs = 1.6;
    settings.optimizer.weight_decay = 0.1;
    interrupted_equals_straight(&settings, None, &texts);
}

#[test]
fn adapters_end_with_the_same_bits() {
    let (facts, _) = case("untied-dpo-lora-steps");
    let pairs: Vec<Example> = facts["batches"].as_array().unwrap().iter().flat_map(examples).collect();
    let targets = vec!["q_proj".to_owned(), "down_proj".to_owned()];
    let lora = Lora { rank: 4, alpha: 8.0, rank_stabilised: true, dropout: 0.2, targets };
    let mut settings = settings("dpo");
    settings.batch_size = 3;
    interrupted_equals_straight(&settings, Some(&lora), &pairs);
}

/// Names the journal of a run in a process of its own.
const JOURNAL: &str = "CHORALE_TEST_TRAIN_JOURNAL";

/// What the process trains.
fn victim_task() -> (Settings, Vec<Example>) {
    let (facts, _) = case("tied-lm-steps");
    let texts: Vec<Example> = facts["batches"].as_array().unwrap().iter().flat_map(examples).collect();
    let mut settings = settings("lm");
    settings.batch_size = 3;
    settings.epochs = 4.0;
    settings.save_after = Some(1);
    (settings, texts)
}

/// Says which step it is at.
struct Loud;

impl Listener for Loud {
    fn progress(&self, done: u64, _total: u64) {
        println!("tokens {done}");
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_process_trains_for_another_one() {
    let Some(journal) = std::env::var_os(JOURNAL) else {
        println!("skipped: runs as the child of the test of killed processes");
        return;
    };
    let (settings, texts) = victim_task();
    fit(&settings, None, &texts, Path::new(&journal), &Loud).unwrap();
}

#[test]
fn a_process_killed_again_and_again_ends_with_the_same_bits() {
    let (settings, texts) = victim_task();
    let folder = tempfile::tempdir().unwrap();
    let straight = fit(&settings, None, &texts, folder.path(), &Deaf).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for kill_after in [1, 4, 2, 7] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "train::resume::a_process_trains_for_another_one", "--nocapture"])
            .env(JOURNAL, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let steps =
            lines.map_while(Result::ok).filter(|line| line.contains("tokens ")).take(kill_after).count();
        assert_eq!(steps, kill_after, "the process ended before it could be killed");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let resumed = fit(&settings, None, &texts, folder.path(), &Deaf).unwrap();
    assert_eq!(resumed.records, straight.records);
    let bits = |fitted: &Fitted| fitted.trainable.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&resumed), bits(&straight));
}

#[test]
fn a_loss_that_is_no_number_names_its_step() {
    let (facts, _) = case("tied-lm-steps");
    let texts: Vec<Example> = facts["batches"].as_array().unwrap().iter().flat_map(examples).collect();
    let mut settings = settings("lm");
    settings.learning_rate = 1e30;
    let folder = tempfile::tempdir().unwrap();
    let failure = fit(&settings, None, &texts, folder.path(), &Deaf).unwrap_err();
    assert!(failure.message.starts_with("step 2: the loss is not a finite number"), "{failure}");
    // Eight rows of three ids, because every batch of the golden case counts from 0; each is named once.
    let named = failure.message.split("its rows are ").nth(1).unwrap();
    let mut named: Vec<&str> = named.split(", ").collect();
    named.sort_unstable();
    assert_eq!(named, ["`0`", "`1`", "`2`"]);
    let hint = failure.hint.unwrap();
    assert!(hint.contains("learning_rate") && hint.contains("the state after step 1 is kept in"), "{hint}");
    let (network, _) = model("untied");
    let len = Trained::All.layout(&*network).len();
    let (state, records) = train::state::Journal::new(folder.path()).load(len).unwrap().unwrap();
    assert_eq!((state.step, records.len()), (1, 1));
    assert!(state.trainable.iter().all(|value| value.is_finite()));
}
