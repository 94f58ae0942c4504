//! Does the work of one stage, on a thread of its own: claims its key, runs it, moves its outputs into the store and
//! records it. A panic inside a stage ends that stage and nothing else.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError, mpsc::Sender},
    thread,
    time::Duration,
};

use super::{
    Settings,
    clock::Clock,
    event::Event,
    lookup::{self, Work, ports},
};
use crate::{
    artifact::{Artifact, Form},
    cache::{Claim, Key, Lookup, Output, Record, StaleReason, Store},
    endpoint::{Access, Site},
    failure::{Cause, Failure},
    plan::Node,
    stage::context::{Context, Observer},
};

/// How often a process that waits for another one looks whether it is done.
const WAIT: Duration = Duration::from_millis(50);

/// At most one progress event per this many seconds and stage.
const PROGRESS_SECONDS: f64 = 0.1;

/// Work that is done.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) record: Record,
    pub(super) artifacts: BTreeMap<String, Artifact>,
}

/// How the work ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was done here.
    Finished(Done),
    /// Somebody else did it meanwhile.
    Cached(Done),
    /// It failed, or was cancelled.
    Failed(Failure),
}

/// What a working thread says to the thread that drives the run.
#[derive(Debug)]
pub(super) enum Message {
    /// Something happened.
    Event(Event),
    /// The stage ended.
    Ended(usize, Ended),
}

/// What a working thread is given.
pub(super) struct Job<'a> {
    pub(super) node: &'a Node,
    pub(super) store: &'a Store,
    pub(super) settings: &'a Settings<'a>,
    pub(super) clock: &'a Clock,
    pub(super) sender: Sender<Message>,
}

/// Does the work. Never panics because of what a stage does.
pub(super) fn perform(job: &Job<'_>, work: Work) -> Ended {
    let attempt = catch_unwind(AssertUnwindSafe(|| attempt(job, work)));
    match attempt {
        Ok(Ok(ended)) => ended,
        Ok(Err(failure)) => Ended::Failed(failure),
        Err(panic) => Ended::Failed(panicked(panic.as_ref())),
    }
}

fn attempt(job: &Job<'_>, mut work: Work) -> Result<Ended, Failure> {
    let claim = claim(job, work.key)?;
    // Between the look-up and the claim another process may have done it.
    match lookup::look(job.store, job.node, work.key)? {
        Lookup::Hit(record, artifacts) => return Ok(Ended::Cached(Done { record: *record, artifacts })),
        Lookup::Damaged(remains) => job.store.discard(&remains)?,
        Lookup::Missing => {}
    }
    if claim.resumes() {
        work.reasons.retain(|reason| *reason != StaleReason::New);
        work.reasons.insert(0, StaleReason::Resumed);
    }
    let stage = job.node.name.clone();
    job.tell(Event::StageStarted { stage, key: work.key, reasons: work.reasons.clone() });
    let began = job.clock.seconds();
    let notes = run(job, &claim, &work)?;
    check_files(job, &work)?;
    check_outputs(job.node, &claim)?;
    let outputs = claim.put(ports(job.node))?;
    let artifacts = open(job, &outputs)?;
    let kind = job.node.stage.entry().name.to_owned();
    let mut record = Record::new(work.key, kind, outputs, work.explanation);
    record.seconds = job.clock.seconds() - began;
    record.notes = notes;
    claim.record(record.clone())?;
    Ok(Ended::Finished(Done { record, artifacts }))
}

/// Claims the key, and waits as long as another process holds it.
fn claim<'a>(job: &Job<'a>, key: Key) -> Result<Claim<'a>, Failure> {
    let mut told = false;
    loop {
        if let Some(claim) = job.store.claim(key)? {
            return Ok(claim);
        }
        if job.settings.is_cancelled() {
            return Err(Failure::cancelled());
        }
        if !told {
            job.tell(Event::StageWaiting { stage: job.node.name.clone() });
            told = true;
        }
        thread::sleep(WAIT);
    }
}

/// Runs the stage and returns its notes.
fn run(job: &Job<'_>, claim: &Claim<'_>, work: &Work) -> Result<Vec<String>, Failure> {
    let reporter = Reporter { job, state: Mutex::default() };
    let context = Context {
        inputs: work.inputs.clone(),
        files: job.node.files.clone(),
        endpoints: work.sites.iter().map(|(field, site)| (field.clone(), access(job, site))).collect(),
        ports: job.node.ports.clone(),
        staging: claim.staging().to_owned(),
        journal: claim.journal().to_owned(),
        observer: &reporter,
        cancelled: job.settings.cancelled,
        runtime: job.settings.runtime,
    };
    job.node.stage.run(&context)?;
    let state = reporter.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(state.notes)
}

/// A site with its key, read at the moment it is needed: a run that finds everything done needs none.
fn access(job: &Job<'_>, site: &Site) -> Access {
    let key = site.key_variable.as_deref().and_then(job.settings.secrets);
    Access { site: site.clone(), key }
}

/// A file that changed while the stage read it would be recorded under a key it does not belong to.
fn check_files(job: &Job<'_>, work: &Work) -> Result<(), Failure> {
    for (field, path) in &job.node.files {
        if work.files.get(field) != Some(&job.store.digest_outside(path)?) {
            let message = format!("file `{}` changed while the stage was reading it", path.display());
            return Err(Failure::input(message).hint("run again once nothing writes to it any more"));
        }
    }
    Ok(())
}

/// A stage that says it is done has written all its outputs.
fn check_outputs(node: &Node, claim: &Claim<'_>) -> Result<(), Failure> {
    for (name, kind) in ports(node) {
        let path = claim.staging().join(name);
        let there = if kind.form == Form::Folder { path.is_dir() } else { path.is_file() };
        if !there {
            let kind = node.stage.entry().name;
            return Err(Failure::new(Cause::Bug, format!("kind `{kind}` did not write its output `{name}`")));
        }
    }
    Ok(())
}

/// The artifacts of outputs that were just put into the store.
fn open(job: &Job<'_>, outputs: &BTreeMap<String, Output>) -> Result<BTreeMap<String, Artifact>, Failure> {
    let mut artifacts = BTreeMap::new();
    for (name, kind) in ports(job.node) {
        if let Some(output) = outputs.get(name) {
            artifacts.insert(name.to_owned(), job.store.artifact(output, kind)?);
        }
    }
    Ok(artifacts)
}

impl Job<'_> {
    fn tell(&self, event: Event) {
        // The driving thread outlives this one; if it went down, nobody is left to be told.
        drop(self.sender.send(Message::Event(event)));
    }
}

/// Passes on what a stage says.
struct Reporter<'a> {
    job: &'a Job<'a>,
    state: Mutex<Reported>,
}

#[derive(Default)]
struct Reported {
    notes: Vec<String>,
    last: Option<f64>,
}

impl Observer for Reporter<'_> {
    fn progress(&self, done: u64, total: u64, unit: &'static str) {
        let now = self.job.clock.seconds();
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let recent = state.last.is_some_and(|last| now - last < PROGRESS_SECONDS);
            if recent && done != total {
                return;
            }
            state.last = Some(now);
        }
        let stage = self.job.node.name.clone();
        self.job.tell(Event::StageProgress { stage, done, total, unit: unit.to_owned() });
    }

    fn note(&self, text: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).notes.push(text.to_owned());
        self.job.tell(Event::StageNote { stage: self.job.node.name.clone(), text: text.to_owned() });
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message");
    Failure::new(Cause::Bug, text).hint("this is a mistake in chorale: the other stages are not affected")
}
