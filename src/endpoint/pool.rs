//! Many requests: some at once, each again where that may help, every answer handed over as soon as it is there.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use super::{
    Access, Description,
    client::{Client, KEPT, Trouble},
    patience::{Pace, backoff, sleep},
    request::{Asked, Choice, Usage, Wanted},
};
use crate::failure::{Cause, Failure};

/// How often the listener is asked whether to go on while nothing happens.
const TICK: Duration = Duration::from_millis(50);

/// How long answers on their way are waited for once the stage fails: they are paid for.
const PATIENCE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// The same once the user asked to stop.
const PATIENCE_AFTER_CANCEL: Duration = Duration::from_secs(3);

/// Hears about answers; an error ends the work.
pub trait Listener {
    /// Sample number `sample` of the request at `index` is answered. Comes once per sample.
    fn answered(&mut self, index: usize, sample: usize, choice: Choice) -> Result<(), Failure>;

    /// Called at least every tenth of a second.
    fn tick(&mut self) -> Result<(), Failure>;
}

/// What it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests that were answered.
    pub answered: usize,
    /// How often each trouble made a request go out again.
    pub repeated: BTreeMap<String, usize>,
    /// Tokens, as the server counts them; 0 where it does not.
    pub usage: Usage,
}

/// Asks for everything that is wanted. After an error, what was answered has been handed over all the same.
pub fn ask_all(
    description: Description,
    access: Access,
    wanted: Wanted,
    asked: Vec<Asked>,
    listener: &mut dyn Listener,
) -> Result<Spent, Failure> {
    let client = Client::new(description, access, wanted)?;
    let pace = Pace::new(&client.access.site);
    let shared =
        Arc::new(Shared { client, pace, queue: Mutex::new(asked.into()), stop: AtomicBool::new(false) });
    let (sender, receiver) = mpsc::channel();
    let workers = shared.client.access.site.concurrency.min(shared.queue().len());
    for _ in 0..workers {
        let (shared, sender) = (Arc::clone(&shared), sender.clone());
        // Not scoped: a request that hangs must not keep the stage from ending once the user asked for it.
        let spawned =
            thread::Builder::new().name("endpoint".to_owned()).spawn(move || work(&shared, &sender));
        spawned.map_err(|error| Failure::new(Cause::Runtime, format!("cannot start a thread: {error}")))?;
    }
    drop(sender);
    collect(&shared, &receiver, listener)
}

/// What a worker says.
enum Message {
    /// Samples are answered, in their order.
    Answered { index: usize, samples: Vec<usize>, choices: Vec<Choice>, usage: Usage },
    /// A request goes out again.
    Repeats { why: String },
    /// A request failed for good.
    Failed(Failure),
}

/// What all workers share.
struct Shared {
    client: Client,
    pace: Pace,
    queue: Mutex<VecDeque<Asked>>,
    stop: AtomicBool,
}

impl Shared {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Asked>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Asked> {
        if self.stop.load(Ordering::Relaxed) { None } else { self.queue().pop_front() }
    }
}

fn collect(
    shared: &Shared,
    receiver: &Receiver<Message>,
    listener: &mut dyn Listener,
) -> Result<Spent, Failure> {
    let mut spent = Spent::default();
    let mut failure: Option<Failure> = None;
    let mut patience = Duration::MAX;
    loop {
        let message = match receiver.recv_timeout(TICK) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return failure.map_or(Ok(spent), Err),
        };
        let waited = message.is_none();
        let mut heard = message.map_or(Ok(()), |message| hear(message, &mut spent, listener));
        if heard.is_ok() && failure.is_none() {
            heard = listener.tick();
        }
        if let Err(error) = heard
            && failure.is_none()
        {
            shared.stop.store(true, Ordering::Relaxed);
            let cancelled = error.cause == Cause::Cancelled;
            patience = if cancelled { PATIENCE_AFTER_CANCEL } else { PATIENCE_AFTER_FAILURE };
            failure = Some(error);
        }
        if waited {
            patience = patience.saturating_sub(TICK);
            if patience.is_zero() {
                return failure.map_or(Ok(spent), Err);
            }
        }
    }
}

fn hear(message: Message, spent: &mut Spent, listener: &mut dyn Listener) -> Result<(), Failure> {
    match message {
        Message::Answered { index, samples, choices, usage } => {
            spent.answered += 1;
            spent.usage.prompt += usage.prompt;
            spent.usage.completion += usage.completion;
            samples
                .into_iter()
                .zip(choices)
                .try_for_each(|(sample, choice)| listener.answered(index, sample, choice))
        }
        Message::Repeats { why } => {
            *spent.repeated.entry(why).or_default() += 1;
            Ok(())
        }
        Message::Failed(failure) => Err(failure),
    }
}

/// Answers requests until none is left or the work stops.
fn work(shared: &Shared, sender: &Sender<Message>) {
    while let Some(mut asked) = shared.next() {
        let message = match persist(shared, &asked, sender) {
            None => return,
            Some(Err(failure)) => {
                // At once: nobody may begin another request for work that has failed.
                shared.stop.store(true, Ordering::Relaxed);
                Message::Failed(failure)
            }
            Some(Ok((choices, usage))) => {
                let index = asked.index;
                let rest = asked.samples.split_off(choices.len().min(asked.samples.len()));
                let samples = std::mem::replace(&mut asked.samples, rest);
                if !asked.samples.is_empty() {
                    // A request asks for some of the samples, and a server may give fewer still.
                    shared.queue().push_front(asked);
                }
                Message::Answered { index, samples, choices, usage }
            }
        };
        if sender.send(message).is_err() {
            return;
        }
    }
}

/// Sends a request until it is answered or there is no hope; `None` if the work stops meanwhile.
fn persist(
    shared: &Shared,
    asked: &Asked,
    sender: &Sender<Message>,
) -> Option<Result<(Vec<Choice>, Usage), Failure>> {
    let site = &shared.client.access.site;
    let mut attempt = 0;
    loop {
        if !shared.pace.turn(&shared.stop) {
            return None;
        }
        let (why, wait) = match shared.client.ask(asked) {
            Ok(answer) => return Some(Ok(answer)),
            Err(Trouble::Final(failure)) => return Some(Err(failure)),
            Err(Trouble::Passing { why, wait }) => (why, wait),
        };
        attempt += 1;
        if attempt >= site.attempts {
            let message = format!("{} does not answer `{}` in {attempt} attempts: {why}", site.url, asked.id);
            return Some(Err(Failure::input(message).hint(KEPT)));
        }
        // The listener is gone only when the work has ended.
        drop(sender.send(Message::Repeats { why }));
        if let Some(wait) = wait {
            shared.pace.hold(wait);
        }
        if !sleep(wait.unwrap_or_else(|| backoff(site, &asked.id, attempt - 1)), &shared.stop) {
            return None;
        }
    }
}
