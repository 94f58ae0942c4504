//! The loop of a run: look up what is ready, start what has to run, listen until all is at an end.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::Scope,
    time::Duration,
};

use rayon::prelude::*;

use super::{
    Settings,
    clock::Clock,
    event::{Event, Listener, StageInfo, Status},
    folder::{Log, RunRecord, StageRecord},
    lookup::{self, Known},
    outcome::{RunOutcome, StageEnd, StageOutcome},
    perform::{self, Done, Ended, Job, Message},
    slots::Slots,
    state::{StageState, States},
};
use crate::{
    cache::{Latest, Lookup, Pointer, Store},
    digest::Digest,
    failure::{Cause, Failure, bug},
    plan::Plan,
};

/// How long the driving thread sleeps before it looks whether the user asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// What the store remembers of the recipe is written at most once per this many seconds while stages finish.
const REMEMBER_SECONDS: f64 = 1.0;

/// Stages may recurse through graphs as deeply as the main thread could.
const STACK_BYTES: usize = 16 << 20;

/// From this many stages on, looking up is worth several threads.
const LOOKUPS_IN_PARALLEL: usize = 4;

/// A run in progress.
struct Drive<'a> {
    plan: &'a Plan,
    store: &'a Store,
    settings: &'a Settings<'a>,
    clock: &'a Clock,
    log: Log<'a>,
    states: States,
    /// What is known of each stage, by index.
    stages: Vec<Known>,
    latest: Latest,
    remembered: f64,
}

/// Runs a plan to its end.
pub(super) fn drive(
    plan: &Plan,
    store: &Store,
    listener: &mut dyn Listener,
    settings: &Settings<'_>,
) -> RunOutcome {
    let clock = Clock::start();
    let nodes = plan.nodes();
    let dependencies: Vec<Vec<usize>> = (0..nodes.len()).map(|node| plan.dependencies(node)).collect();
    let loads = nodes.iter().map(|node| node.stage.entry().load(&node.input_kinds())).collect();
    let mut drive = Drive {
        plan,
        store,
        settings,
        clock: &clock,
        log: Log::new(listener, &clock, store.root(), &settings.text),
        states: States::new(loads, &dependencies, Slots::new(settings.threads)),
        stages: nodes.iter().map(|_| Known::default()).collect(),
        latest: store.latest(&plan.name),
        remembered: 0.0,
    };
    let mut record = drive.begin();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| drive.run_all(scope, &sender, &receiver));
    drive.end(&mut record)
}

impl<'a> Drive<'a> {
    fn begin(&mut self) -> RunRecord {
        let name = |node: usize| self.plan.nodes()[node].name.clone();
        let info = |(index, node): (usize, &crate::plan::Node)| StageInfo {
            name: node.name.clone(),
            kind: node.stage.entry().name.to_owned(),
            section: node.section.name().to_owned(),
            needs: self.plan.dependencies(index).into_iter().map(name).collect(),
        };
        let stages = self.plan.nodes().iter().enumerate().map(info).collect();
        let mut versions = self.settings.versions.clone();
        versions.insert("chorale".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let record = RunRecord {
            recipe: self.plan.name.clone(),
            path: self.settings.path.clone(),
            digest: Digest::of(self.settings.text.as_bytes()).hex(),
            overrides: self.settings.overrides.clone(),
            versions,
            started: self.clock.began(),
            status: Status::Succeeded,
            seconds: 0.0,
            stages: Vec::new(),
        };
        self.log.emit(Event::RunStarted {
            recipe: record.recipe.clone(),
            path: record.path.clone(),
            digest: record.digest.clone(),
            started: record.started.clone(),
            overrides: record.overrides.clone(),
            versions: record.versions.clone(),
            stages,
        });
        record
    }

    fn run_all<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        sender: &Sender<Message>,
        receiver: &Receiver<Message>,
    ) where
        'a: 'scope,
    {
        loop {
            if self.settings.is_cancelled() {
                for stage in self.states.cancel() {
                    self.log.emit(Event::StageCancelled { stage: self.name(stage) });
                }
            }
            let ready = self.states.ready();
            if !ready.is_empty() {
                self.look_up(&ready);
                continue;
            }
            while let Some(stage) = self.states.startable() {
                self.start(scope, sender, stage);
            }
            if self.states.running() == 0 {
                return;
            }
            match receiver.recv_timeout(PATIENCE) {
                Ok(message) => self.receive(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bug("the channel of a run closed before its end"),
            }
        }
    }

    /// Finds out which of these stages are done already.
    fn look_up(&mut self, ready: &[usize]) {
        for stage in ready {
            self.log.emit(Event::StageChecking { stage: self.name(*stage) });
        }
        let (settings, stages) = (self.settings, &self.stages);
        let (plan, store) = (self.plan, self.store);
        let check = |stage: &usize| lookup::check(plan, *stage, stages, store, settings);
        let found: Vec<_> = if ready.len() < LOOKUPS_IN_PARALLEL {
            ready.iter().map(check).collect()
        } else {
            ready.par_iter().map(check).collect()
        };
        for (stage, found) in ready.iter().zip(found) {
            match found {
                Err(failure) => self.fail(*stage, failure),
                Ok((work, Lookup::Hit(record, artifacts))) => {
                    self.stages[*stage].work = Some(work);
                    self.done(*stage, StageState::Cached, Done { record: *record, artifacts });
                }
                Ok((mut work, lookup)) => {
                    let name = &self.plan.nodes()[*stage].name;
                    work.reasons = lookup::reasons(self.store, &self.latest, name, &work, &lookup);
                    if let Lookup::Damaged(remains) = &lookup
                        && let Err(failure) = self.store.discard(remains)
                    {
                        self.fail(*stage, failure);
                        continue;
                    }
                    self.stages[*stage].work = Some(work);
                    self.log.open();
                    self.states.set(*stage, StageState::Queued);
                    self.log.emit(Event::StageQueued { stage: self.name(*stage) });
                }
            }
        }
    }

    fn start<'scope>(&mut self, scope: &'scope Scope<'scope, '_>, sender: &Sender<Message>, stage: usize)
    where
        'a: 'scope,
    {
        self.states.set(stage, StageState::Running);
        let work = self.stages[stage].work.clone().unwrap_or_else(|| bug("a stage starts without work"));
        let job = Job {
            node: &self.plan.nodes()[stage],
            store: self.store,
            settings: self.settings,
            clock: self.clock,
            sender: sender.clone(),
        };
        let thread = std::thread::Builder::new().name(self.name(stage)).stack_size(STACK_BYTES);
        let spawned = thread.spawn_scoped(scope, move || {
            let ended = perform::perform(&job, work);
            drop(job.sender.send(Message::Ended(stage, ended)));
        });
        if let Err(error) = spawned {
            self.fail(stage, Failure::store(format!("cannot start a thread: {error}")));
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                if let Event::StageStarted { stage, reasons, .. } = &event
                    && let Some(index) = self.plan.find(stage)
                {
                    self.stages[index].ran = true;
                    if let Some(work) = &mut self.stages[index].work {
                        work.reasons.clone_from(reasons);
                    }
                }
                self.log.emit(event);
            }
            Message::Ended(stage, Ended::Finished(done)) => self.done(stage, StageState::Finished, done),
            Message::Ended(stage, Ended::Cached(done)) => self.done(stage, StageState::Cached, done),
            Message::Ended(stage, Ended::Failed(failure)) if failure.cause == Cause::Cancelled => {
                self.states.set(stage, StageState::Cancelled);
                self.log.emit(Event::StageCancelled { stage: self.name(stage) });
            }
            Message::Ended(stage, Ended::Failed(failure)) => self.fail(stage, failure),
        }
    }

    fn done(&mut self, stage: usize, state: StageState, done: Done) {
        let name = self.name(stage);
        let (key, seconds, outputs) = (done.record.key, done.record.seconds, done.record.outputs.clone());
        let pointer = Pointer { kind: done.record.kind.clone(), key };
        let known = self.latest.stages.insert(name.clone(), pointer.clone()) == Some(pointer);
        self.stages[stage].done = Some(done);
        self.states.set(stage, state);
        self.log.emit(if state == StageState::Cached {
            Event::StageCached { stage: name, key, seconds, outputs }
        } else {
            Event::StageFinished { stage: name, key, seconds, outputs }
        });
        if !known && self.clock.seconds() - self.remembered > REMEMBER_SECONDS {
            self.remember();
        }
    }

    fn fail(&mut self, stage: usize, failure: Failure) {
        self.log.open();
        self.stages[stage].failure = Some(failure.clone());
        let blocked = self.states.set(stage, StageState::Failed);
        self.log.emit(Event::StageFailed { stage: self.name(stage), failure });
        for behind in blocked {
            self.log.emit(Event::StageBlocked { stage: self.name(behind), by: self.name(stage) });
        }
    }

    /// Writes down the last work of each stage, to explain the next run. Not being able to is no reason to stop.
    fn remember(&mut self) {
        self.remembered = self.clock.seconds();
        let before = self.store.latest(&self.plan.name);
        if before == self.latest {
            return;
        }
        if let Err(failure) = self.store.set_latest(&self.plan.name, &self.latest) {
            self.log.emit(Event::RunNote { text: failure.message });
        }
    }

    fn end(mut self, record: &mut RunRecord) -> RunOutcome {
        let stages: Vec<StageOutcome> = (0..self.stages.len()).map(|stage| self.outcome(stage)).collect();
        record.status = status(&stages);
        let previous = self.previous_run(&stages);
        if previous.is_none() {
            self.log.open();
        }
        record.seconds = self.clock.seconds();
        record.stages = (0..).zip(&stages).map(|(index, stage)| self.stage_record(index, stage)).collect();
        self.log.close(record, &stages);
        let fresh = self.log.folder().is_some();
        if let Some(name) = self.log.folder().and_then(|folder| folder.file_name()?.to_str()) {
            self.latest.run = Some(name.to_owned());
        }
        self.remember();
        // Stamps save time and nothing else.
        drop(self.store.save_stamps());
        self.log.emit(Event::RunFinished { status: record.status, seconds: record.seconds });
        let folder = self.log.folder().map(ToOwned::to_owned).or(previous);
        RunOutcome { status: record.status, folder, fresh, seconds: record.seconds, stages }
    }

    /// If this run did nothing: the folder of the run that did the very same work.
    fn previous_run(&self, stages: &[StageOutcome]) -> Option<std::path::PathBuf> {
        if self.log.folder().is_some() {
            return None;
        }
        let folder = self.store.root().join("runs").join(self.latest.run.as_ref()?);
        RunRecord::load(&folder).is_ok_and(|record| record.covers(stages)).then_some(folder)
    }

    fn outcome(&mut self, stage: usize) -> StageOutcome {
        let end = match self.states.of(stage) {
            StageState::Cached => StageEnd::Cached,
            StageState::Finished => StageEnd::Finished,
            StageState::Failed => StageEnd::Failed,
            StageState::Blocked => StageEnd::Blocked,
            StageState::Cancelled => StageEnd::Cancelled,
            open => bug(format!("a run ended with a stage {open:?}")),
        };
        let known = std::mem::take(&mut self.stages[stage]);
        let (record, artifacts) = known.done.map(|done| (done.record, done.artifacts)).unzip();
        StageOutcome {
            name: self.name(stage),
            end,
            key: known.work.as_ref().map(|work| work.key),
            reasons: known.work.filter(|_| known.ran).map(|work| work.reasons).unwrap_or_default(),
            record,
            artifacts: artifacts.unwrap_or_default(),
            failure: known.failure,
        }
    }

    fn stage_record(&self, index: usize, stage: &StageOutcome) -> StageRecord {
        let record = stage.record.as_ref();
        let needs = self.plan.dependencies(index).into_iter();
        StageRecord {
            name: stage.name.clone(),
            kind: self.plan.nodes()[index].stage.entry().name.to_owned(),
            needs: needs.map(|node| self.name(node)).collect(),
            end: stage.end,
            key: stage.key,
            reasons: stage.reasons.clone(),
            seconds: record.map(|record| record.seconds),
            outputs: record.map(|record| record.outputs.clone()).unwrap_or_default(),
            notes: record.map(|record| record.notes.clone()).unwrap_or_default(),
            failure: stage.failure.clone(),
        }
    }

    fn name(&self, stage: usize) -> String {
        self.plan.nodes()[stage].name.clone()
    }
}

fn status(stages: &[StageOutcome]) -> Status {
    let any = |end| stages.iter().any(|stage| stage.end == end);
    match (any(StageEnd::Cancelled), any(StageEnd::Failed)) {
        (true, _) => Status::Cancelled,
        (false, true) => Status::Failed,
        (false, false) => Status::Succeeded,
    }
}
