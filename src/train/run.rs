//! Walks through the steps of a run: which examples, which rate, what is written down.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Listener, Settings,
    batch::{Batch, Packing},
    example::{Example, Prompts},
    graph::name,
    order::{Items, Order},
    program::Program,
    state::{Journal, StepRecord},
    step::{Reported, Stepper},
};
use crate::{
    failure::{Failure, bug},
    model::{auxiliary::Auxiliary, loss::Unit, row},
};

/// The metric that counts the tokens of all sequences so far. A prompt counts once per sequence that it begins, as in TRL,
/// although it is computed once.
const NUM_TOKENS: &str = "num_tokens";

/// A training run: everything that stays the same from step to step.
pub(super) struct Run<'a> {
    settings: &'a Settings,
    examples: &'a [Example],
    /// The auxiliary term with its prompts.
    auxiliary: Option<(Auxiliary, &'a Prompts)>,
    /// The examples that stay together.
    items: Vec<Vec<usize>>,
    order: Order,
    packing: Packing,
    dropout: bool,
    /// Tokens of all sequences that went through the model so far.
    seen: u64,
    /// Number of optimizer steps.
    pub(super) total: usize,
    warmup: usize,
    journal: Journal,
    /// After how many tokens a state is written.
    interval: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        program: &Program,
        (examples, prompts): (&'a [Example], Option<&'a Prompts>),
        settings: &'a Settings,
        journal: Journal,
        interval: u64,
    ) -> Self {
        let per_step = settings.batch_size.saturating_mul(settings.accumulation);
        let Items { members, ranks } =
            Items::new(examples, settings.loss.unit(), settings.languages.as_deref());
        let order = Order::new(settings.seed, ranks, per_step);
        let by_epochs = (settings.epochs * order.steps_per_epoch() as f64).ceil().max(1.0) as usize;
        let total = settings.steps.unwrap_or(by_epochs);
        let warmup = (total as f64 * settings.warmup_ratio).ceil() as usize;
        let dropout = program.inputs.contains(name::DROPOUT);
        let prompts_of =
            |aux: Auxiliary| (aux, prompts.unwrap_or_else(|| bug("an auxiliary term without prompts")));
        let auxiliary = program.auxiliary.clone().map(prompts_of);
        let packing = if program.packs() { settings.packing } else { Packing::Off };
        Self {
            settings,
            examples,
            auxiliary,
            items: members,
            order,
            packing,
            dropout,
            seen: 0,
            total,
            warmup,
            journal,
            interval,
        }
    }

    /// Takes the steps after the first `done`, and returns the records of all.
    pub(super) fn steps(
        &mut self,
        stepper: &mut Stepper,
        done: usize,
        mut records: Vec<StepRecord>,
        listener: &dyn Listener,
    ) -> Result<Vec<StepRecord>, Failure> {
        let total_tokens = self.tokens(self.total);
        let mut tokens = self.tokens(done);
        self.seen = records.last().and_then(|record| record.metrics.get(NUM_TOKENS)).map_or(0, |n| *n as u64);
        let mut saved = done;
        let mut tokens_saved = tokens;
        for step in done..self.total {
            listener.progress(tokens, total_tokens);
            if listener.is_cancelled() {
                self.save(stepper, step, saved, &records)?;
                return Err(Failure::cancelled());
            }
            let (chosen, reported) = self.gradient(stepper, step)?;
            if !reported.loss.is_finite() {
                // The weights are those before the step still.
                self.save(stepper, step, saved, &records)?;
                return Err(self.diverged("the loss", reported.loss, step, step, &chosen));
            }
            let (rate, rates) = self.rates(step);
            let grad_norm = stepper.update(&rates)?;
            if !grad_norm.is_finite() {
                return Err(self.diverged("the gradient's norm", grad_norm, step, saved, &chosen));
            }
            records.push(self.record(step, rate, reported, grad_norm, &chosen));
            tokens += self.step_tokens(step);
            if tokens - tokens_saved >= self.interval && step + 1 < self.total {
                self.save(stepper, step + 1, saved, &records)?;
                saved = step + 1;
                tokens_saved = tokens;
            }
        }
        listener.progress(total_tokens, total_tokens);
        Ok(records)
    }

    /// Writes the state after `step` steps, if that is more than was written before.
    fn save(
        &self,
        stepper: &Stepper,
        step: usize,
        saved: usize,
        records: &[StepRecord],
    ) -> Result<(), Failure> {
        if step > saved { self.journal.save(&stepper.state(step)?, &records[saved..]) } else { Ok(()) }
    }

    /// The learning rate of a step, and what the optimizer makes of it.
    fn rates(&self, step: usize) -> (f64, Vec<f32>) {
        let settings = self.settings;
        let factor = settings.schedule.factor(step, self.warmup, self.total);
        let rate = settings.learning_rate * factor;
        let extractor = self.auxiliary.as_ref().and_then(|(aux, _)| Some((aux, aux.extractor?)));
        let rates = match extractor {
            None => settings.optimizer.rates(rate, step + 1).to_vec(),
            Some((aux, extractor)) => {
                let own = extractor.learning_rate.unwrap_or(settings.learning_rate) * factor;
                let own = aux.is_due(step).then(|| (own, step / aux.every.max(1) + 1));
                settings.optimizer.rates_with_auxiliary(rate, step + 1, own).to_vec()
            }
        };
        (rate, rates)
    }

    /// The examples of a step with its gradient.
    fn gradient(&mut self, stepper: &mut Stepper, step: usize) -> Result<(Vec<usize>, Reported), Failure> {
        let settings = self.settings;
        let mut items: Vec<&Vec<usize>> =
            self.order.step(step).iter().map(|item| &self.items[*item]).collect();
        if settings.accumulation > 1 {
            // Batches of equal length are padded least.
            items.sort_by_key(|item| item.iter().map(|index| self.examples[*index].longest()).max());
        }
        let numbers = |items: &[&Vec<usize>]| -> Vec<usize> {
            items.iter().flat_map(|item| item.iter().copied()).collect()
        };
        let chosen = numbers(&items);
        let batches: Vec<Batch> = (items.chunks(settings.batch_size))
            .map(|items| self.batch(step, &numbers(items), chosen.len()))
            .collect();
        let units = match settings.loss.unit() {
            Unit::Token => batches.iter().map(Batch::scored).sum(),
            Unit::Example | Unit::Group => items.len(),
        };
        Ok((chosen, stepper.gradient(&batches, units)?))
    }

    fn record(
        &mut self,
        step: usize,
        learning_rate: f64,
        reported: Reported,
        grad_norm: f64,
        chosen: &[usize],
    ) -> StepRecord {
        let Reported { loss, mut metrics } = reported;
        self.seen += chosen.iter().map(|index| self.examples[*index].sequence_tokens() as u64).sum::<u64>();
        if let Some((aux, _)) = self.auxiliary.as_ref().filter(|(aux, _)| !aux.is_due(step)) {
            metrics.retain(|name, _| !name.starts_with(&format!("{}/", aux.term.name())));
        }
        metrics.insert(NUM_TOKENS.to_owned(), self.seen as f64);
        let epoch = (step + 1) as f64 / self.order.steps_per_epoch() as f64;
        StepRecord { step: step + 1, epoch, learning_rate, loss, grad_norm, metrics }
    }

    /// Why a run cannot go on after step `step` (from 0), and where the last good state is, that after `kept` steps.
    fn diverged(&self, what: &str, number: f64, step: usize, kept: usize, chosen: &[usize]) -> Failure {
        /// Rows named in the message.
        const NAMED: usize = 16;
        let mut names = BTreeSet::new();
        let ids = chosen.iter().map(|index| self.examples[*index].id.as_str()).filter(|id| names.insert(*id));
        let ids: Vec<String> = ids.map(|id| format!("`{id}`")).collect();
        let more = ids.len().saturating_sub(NAMED);
        let mut rows = ids[..ids.len() - more].join(", ");
        if more > 0 {
            rows = format!("{rows} and {more} more");
        }
        let message =
            format!("step {}: {what} is not a finite number: {number}; its rows are {rows}", step + 1);
        let kept = match kept {
            0 => "no step was taken that could be kept".to_owned(),
            _ => format!("the state after step {kept} is kept in `{}`", self.journal.place().display()),
        };
        Failure::input(message).hint(format!(
            "lower `learning_rate`, or look for damaged weights and empty texts among the inputs; {kept}"
        ))
    }

    /// The examples with these numbers as a batch of step `step`, which has `all` examples.
    fn batch(&self, step: usize, numbers: &[usize], all: usize) -> Batch {
        let examples: Vec<&Example> = numbers.iter().map(|number| &self.examples[*number]).collect();
        let questions = self.questions(step, numbers);
        let prompts: Vec<&[u32]> = (questions.keys())
            .flat_map(|question| self.prompts(*question).iter().map(Vec::as_slice))
            .collect();
        let mut batch = Batch::with_prompts(&examples, &prompts, self.packing);
        batch.anchor_weights = questions.values().map(|count| *count as f32 / all as f32).collect();
        if let Some((aux, _)) = self.auxiliary.as_ref().filter(|_| questions.is_empty()) {
            // The graph wants a question: one of any token, with no weight.
            batch.anchors = vec![0; aux.languages];
            batch.anchor_weights = vec![0.0];
        }
        if self.dropout {
            let first = |question: &usize| self.examples.len() + question * row::GROUP as usize;
            let further = questions.keys().flat_map(|question| {
                let start = first(question);
                start..start + self.prompts(*question).len()
            });
            let numbers: Vec<usize> = numbers.iter().copied().chain(further).collect();
            batch.draw(self.settings.seed, step, &numbers);
        }
        batch
    }

    /// The questions of these examples, each with the number of examples that ask it; none if no term is due.
    fn questions(&self, step: usize, numbers: &[usize]) -> BTreeMap<usize, usize> {
        let mut questions = BTreeMap::new();
        if let Some((_, prompts)) = self.auxiliary.as_ref().filter(|(aux, _)| aux.is_due(step)) {
            for number in numbers {
                *questions.entry(prompts.of[*number]).or_default() += 1;
            }
        }
        questions
    }

    /// The prompts of a question.
    fn prompts(&self, question: usize) -> &'a [Vec<u32>] {
        let Some((_, prompts)) = &self.auxiliary else { return &[] };
        let prompts: &'a Prompts = prompts;
        &prompts.questions[question]
    }

    /// Tokens of all examples that one step sees.
    fn step_tokens(&mut self, step: usize) -> u64 {
        let (examples, items) = (self.examples, &self.items);
        let numbers = self.order.step(step).iter().flat_map(|item| &items[*item]);
        numbers.map(|index| examples[*index].tokens() as u64).sum()
    }

    /// Tokens that the first `steps` steps see.
    fn tokens(&mut self, steps: usize) -> u64 {
        let epochs = steps / self.order.steps_per_epoch();
        let epoch: u64 = self.examples.iter().map(|example| example.tokens() as u64).sum();
        let begun = epochs * self.order.steps_per_epoch();
        epochs as u64 * epoch + (begun..steps).map(|step| self.step_tokens(step)).sum::<u64>()
    }
}
