//! Says what a run would do, without doing it: what is done already, what has to run and why, and what nobody can know
//! before its inputs are there.

use super::{
    Settings,
    lookup::{self, Known},
    perform::Done,
};
use crate::{
    cache::{Lookup, Record, StaleReason, Store},
    failure::Failure,
    plan::Plan,
};

/// What would become of a stage.
#[derive(Clone, Debug)]
pub enum Forecast {
    /// It is done already.
    Cached(Box<Record>),
    /// It would run.
    Runs(Vec<StaleReason>),
    /// It depends on what these stages write, which would run before it. If they write the same as before, it may be
    /// done already.
    Open(Vec<String>),
    /// Its key cannot be computed.
    Fails(Failure),
}

/// What would become of each stage of the plan, in its order. Fetches no runtime, runs nothing and changes
/// nothing.
pub fn forecast(plan: &Plan, store: &Store, settings: &Settings<'_>) -> Vec<Forecast> {
    let latest = store.latest(&plan.name);
    let mut known: Vec<Known> = plan.nodes().iter().map(|_| Known::default()).collect();
    let mut forecasts = Vec::with_capacity(known.len());
    for (index, node) in plan.nodes().iter().enumerate() {
        let open = plan.dependencies(index).into_iter().filter(|from| known[*from].done.is_none());
        let open: Vec<String> = open.map(|from| plan.nodes()[from].name.clone()).collect();
        forecasts.push(if open.is_empty() {
            match lookup::check(plan, index, &known, store, settings) {
                Err(failure) => Forecast::Fails(failure),
                Ok((_, Lookup::Hit(record, artifacts))) => {
                    known[index].done = Some(Done { record: (*record).clone(), artifacts });
                    Forecast::Cached(record)
                }
                Ok((work, found)) => {
                    Forecast::Runs(lookup::reasons(store, &latest, &node.name, &work, &found))
                }
            }
        } else {
            Forecast::Open(open)
        });
    }
    forecasts
}
