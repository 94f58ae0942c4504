//! Gives prompts to a model and collects what it answers: a model of the recipe, decoded here ([`local`]), or one behind an
//! endpoint ([`remote`]). `sample`, `translate` and `judge` ask alike and cannot tell the two apart.
//!
//! Every answer goes into the stage's journal the moment it is there, so that a stage that is run again after a kill, a
//! failure or an endpoint that went away asks only for the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    artifact::{ArtifactKind, ENDPOINT, MODEL},
    decode::journal::Journal,
    failure::{Failure, bug},
    stage::{
        context::Context,
        port::{Ports, Reference},
    },
};

mod local;
mod remote;
pub mod spec;

use spec::GenerationSpec;

/// The kinds of artifacts that can be asked.
pub(super) const ANSWERS: [ArtifactKind; 2] = [MODEL, ENDPOINT];

/// The ports of a stage that asks the model at `field`.
pub(super) fn reads(ports: Ports, field: &str, model: &Reference) -> Ports {
    ports.reads_either(field, model, &ANSWERS)
}

/// Whether a stage with these inputs asks endpoints alone: then other machines do its work.
pub(super) fn works_elsewhere(inputs: &[ArtifactKind]) -> bool {
    !inputs.contains(&MODEL)
}

/// A prompt and what is wanted of it.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    /// Names messages and random numbers: unique within a stage.
    pub(super) id: String,
    /// What the model is given.
    pub(super) text: String,
    /// The numbers of the samples wanted; none for a prompt that only keeps its place.
    pub(super) samples: Vec<usize>,
}

/// An answer, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Position of the prompt.
    question: usize,
    sample: usize,
    pub(super) text: String,
    pub(super) finish: String,
    /// Tokens generated; 0 where nobody counted.
    tokens: usize,
}

/// Who is asked, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    /// The input that is asked.
    pub(super) field: &'a str,
    /// How answers are generated.
    pub(super) how: &'a GenerationSpec,
    /// The name of the journal's file: one per list of prompts.
    pub(super) journal: &'a str,
}

/// Answers by position of the prompt and number of the sample.
#[derive(Debug)]
pub(super) struct Answers {
    journal: Journal<Answer>,
    found: BTreeMap<(usize, usize), Answer>,
}

impl Answers {
    fn open(cx: &Context<'_>, name: &str) -> Result<Self, Failure> {
        let (journal, earlier) = Journal::<Answer>::open(&cx.journal.join(name))?;
        let found = earlier.into_iter().map(|answer| ((answer.question, answer.sample), answer)).collect();
        Ok(Self { journal, found })
    }

    fn keep(&mut self, answer: Answer) -> Result<(), Failure> {
        self.journal.append(&answer)?;
        self.found.insert((answer.question, answer.sample), answer);
        Ok(())
    }

    fn has(&self, prompt: usize, sample: usize) -> bool {
        self.found.contains_key(&(prompt, sample))
    }

    /// The answer to a prompt that was asked.
    pub(super) fn take(&mut self, prompt: usize, sample: usize) -> Answer {
        self.found.remove(&(prompt, sample)).unwrap_or_else(|| bug("an answer is missing"))
    }
}

/// Asks for what is wanted and not there yet.
pub(super) fn ask(cx: &Context<'_>, asking: Asking<'_>, prompts: &[Prompt]) -> Result<Answers, Failure> {
    let mut answers = Answers::open(cx, asking.journal)?;
    let missing = prompts
        .iter()
        .enumerate()
        .any(|(index, prompt)| prompt.samples.iter().any(|sample| !answers.has(index, *sample)));
    if missing {
        let kind = cx.input(asking.field).kind;
        if kind == ENDPOINT {
            remote::answer(cx, asking, prompts, &mut answers)?;
        } else {
            local::answer(cx, asking, prompts, &mut answers)?;
        }
    }
    Ok(answers)
}
