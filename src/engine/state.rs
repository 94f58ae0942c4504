//! The states of all stages of a run, with one function that changes them and keeps every queue and count right.
//!
//! ```text
//! Waiting --all inputs known--> Ready --no hit--> Queued --slot--> Running --> Finished
//!    |                            |                  |                |------> Cached (another process did it)
//!    |                            |--hit--> Cached   |                |------> Failed
//!    |--one before it failed--> Blocked              |                '------> Cancelled
//!    '--------- the user asked to stop: Waiting, Ready and Queued become Cancelled
//! ```

use std::collections::BTreeSet;

use super::slots::Slots;
use crate::{failure::bug, stage::contract::Load};

/// Where a stage is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StageState {
    /// Its inputs are not all known.
    Waiting,
    /// Its inputs are known; nobody has looked whether it is done already.
    Ready,
    /// It has to run and waits for a slot.
    Queued,
    /// It runs and holds a slot.
    Running,
    /// It was done already.
    Cached,
    /// It ran to its end.
    Finished,
    /// It failed.
    Failed,
    /// A stage before it failed.
    Blocked,
    /// The user asked to stop.
    Cancelled,
}

use StageState::{Blocked, Cached, Cancelled, Failed, Finished, Queued, Ready, Running, Waiting};

/// The states of all stages. Stages are indices of the plan.
#[derive(Debug)]
pub(super) struct States {
    at: Vec<StageState>,
    loads: Vec<Load>,
    dependants: Vec<Vec<usize>>,
    /// How many of the stages before each one are not done.
    missing: Vec<usize>,
    ready: BTreeSet<usize>,
    queued: BTreeSet<usize>,
    running: usize,
    slots: Slots,
}

impl States {
    /// All stages waiting, those without inputs ready. `dependencies` lists the stages before each one, each once.
    pub(super) fn new(loads: Vec<Load>, dependencies: &[Vec<usize>], slots: Slots) -> Self {
        let count = loads.len();
        let mut dependants = vec![Vec::new(); count];
        for (stage, before) in dependencies.iter().enumerate() {
            for before in before {
                dependants[*before].push(stage);
            }
        }
        let missing: Vec<usize> = dependencies.iter().map(Vec::len).collect();
        let (at, ready, queued) = (vec![Waiting; count], BTreeSet::new(), BTreeSet::new());
        let mut all = Self { at, loads, dependants, missing, ready, queued, running: 0, slots };
        for stage in 0..count {
            if all.missing[stage] == 0 {
                all.set(stage, Ready);
            }
        }
        all
    }

    /// Moves a stage to another state, and with it everything that follows from that: stages behind it become ready
    /// or blocked. Returns the stages that became blocked. A move that the diagram does not have is a bug.
    pub(super) fn set(&mut self, stage: usize, to: StageState) -> Vec<usize> {
        let from = std::mem::replace(&mut self.at[stage], to);
        match (from, to) {
            (Waiting, Ready | Blocked | Cancelled)
            | (Ready, Queued | Cached | Failed | Cancelled)
            | (Queued, Running | Cancelled)
            | (Running, Cached | Finished | Failed | Cancelled) => {}
            _ => bug(format!("stage {stage} cannot become {to:?} from {from:?}")),
        }
        match from {
            Ready => drop(self.ready.remove(&stage)),
            Queued => drop(self.queued.remove(&stage)),
            Running => {
                self.running -= 1;
                self.slots.give(self.loads[stage]);
            }
            _ => {}
        }
        match to {
            Ready => drop(self.ready.insert(stage)),
            Queued => drop(self.queued.insert(stage)),
            Running => {
                self.running += 1;
                if !self.slots.take(self.loads[stage]) {
                    bug(format!("stage {stage} has no slot"));
                }
            }
            Cached | Finished => self.release(stage),
            Failed | Blocked => return self.block(stage),
            Waiting | Cancelled => {}
        }
        Vec::new()
    }

    /// All stages whose inputs are known and that nobody has looked up, in plan order.
    pub(super) fn ready(&self) -> Vec<usize> {
        self.ready.iter().copied().collect()
    }

    /// The first queued stage that a slot is free for. Heavy stages go first: they are what a run waits for.
    pub(super) fn startable(&self) -> Option<usize> {
        let first = |load| {
            let mut slots = self.slots;
            let free = slots.take(load);
            self.queued.iter().copied().find(|stage| free && self.loads[*stage] == load)
        };
        first(Load::Heavy).or_else(|| first(Load::Light))
    }

    /// How many stages hold a slot.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Cancels everything that has not begun. Returns the cancelled stages in plan order.
    pub(super) fn cancel(&mut self) -> Vec<usize> {
        let not_begun = |stage: &usize| matches!(self.at[*stage], Waiting | Ready | Queued);
        let cancelled: Vec<usize> = (0..self.at.len()).filter(not_begun).collect();
        for stage in &cancelled {
            self.set(*stage, Cancelled);
        }
        cancelled
    }

    /// Where a stage is.
    pub(super) fn of(&self, stage: usize) -> StageState {
        self.at[stage]
    }

    fn release(&mut self, stage: usize) {
        for dependant in self.dependants[stage].clone() {
            self.missing[dependant] -= 1;
            if self.missing[dependant] == 0 && self.at[dependant] == Waiting {
                self.set(dependant, Ready);
            }
        }
    }

    fn block(&mut self, stage: usize) -> Vec<usize> {
        let mut blocked = Vec::new();
        for dependant in self.dependants[stage].clone() {
            if self.at[dependant] == Waiting {
                blocked.push(dependant);
                blocked.extend(self.set(dependant, Blocked));
            }
        }
        blocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a -> b -> d, a -> c -> d, e alone; c is heavy.
    fn diamond() -> States {
        let loads = vec![Load::Light, Load::Light, Load::Heavy, Load::Light, Load::Light];
        States::new(loads, &[vec![], vec![0], vec![0], vec![1, 2], vec![]], Slots::new(1))
    }

    #[test]
    fn stages_become_ready_when_everything_before_them_is_done() {
        let mut states = diamond();
        assert_eq!(states.ready(), [0, 4]);
        states.set(0, Cached);
        assert_eq!(states.ready(), [1, 2, 4]);
        states.set(1, Cached);
        assert_eq!(states.ready(), [2, 4]);
        states.set(2, Cached);
        assert_eq!(states.ready(), [3, 4]);
    }

    #[test]
    fn a_failure_blocks_what_depends_on_it_and_nothing_else() {
        let mut states = diamond();
        assert_eq!(states.set(0, Failed), [1, 3, 2]);
        assert_eq!(states.ready(), [4]);
        assert_eq!((states.of(3), states.of(4)), (Blocked, Ready));
    }

    #[test]
    fn heavy_stages_start_first_and_one_at_a_time() {
        let mut states = diamond();
        states.set(0, Cached);
        for stage in states.ready() {
            states.set(stage, Queued);
        }
        assert_eq!(states.startable(), Some(2));
        states.set(2, Running);
        assert_eq!(states.startable(), Some(1));
        states.set(1, Running);
        assert_eq!(states.startable(), None, "the only light slot is taken");
        states.set(1, Finished);
        assert_eq!(states.startable(), Some(4));
        assert_eq!(states.running(), 1);
    }

    #[test]
    fn cancelling_leaves_alone_what_runs_or_is_done() {
        let mut states = diamond();
        states.set(0, Cached);
        states.set(2, Queued);
        states.set(2, Running);
        assert_eq!(states.cancel(), [1, 3, 4]);
        states.set(2, Cancelled);
        assert_eq!(states.running(), 0);
        assert!(states.ready().is_empty());
    }
}
