//! `pairs`: preference pairs, by one of several rules (methods 1.7, 2.4, 3.3, 3.10, 5.4-5.6).
//!
//! A rule is a file and a row of [`RULES`]: it turns its inputs into units, each a pair by itself or all pairs of a group, and counts
//! what it leaves out by reason. What is kept of them, and what is held back to validate on, is the same for all rules.

use indexmap::IndexMap;

use crate::{
    align::pair::select::{Selection, held_back, select},
    artifact::row::{Row, pair::Pair},
    failure::{Failure, bug},
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::Ports,
    },
};

mod across;
mod candidates;
mod check;
mod majority;
mod parallel;
mod scored;
pub mod spec;
mod translated;
mod wording;

use spec::{PairsSpec, Rule};

/// The kind.
pub enum Pairs {}

/// A pair by itself, or all pairs of a group.
type Unit = Vec<Pair>;

/// How a rule makes units.
type Make = fn(&Context<'_>, &PairsSpec, &mut LeftOut) -> Result<Vec<Unit>, Failure>;

/// A rule.
struct RuleRow {
    rule: Rule,
    /// Inputs it cannot do without.
    needs: &'static [&'static str],
    /// Inputs it also reads.
    may: &'static [&'static str],
    make: Make,
}

/// Every rule.
static RULES: &[RuleRow] = &[
    RuleRow {
        rule: Rule::MajorityVsRest,
        needs: &["questions", "votes"],
        may: &["translations", "explanations"],
        make: majority::make,
    },
    RuleRow { rule: Rule::GoldVsRest, needs: &["questions"], may: &[], make: candidates::gold_vs_rest },
    RuleRow { rule: Rule::GoldVsRandom, needs: &["questions"], may: &[], make: candidates::gold_vs_random },
    RuleRow { rule: Rule::TopAnswer, needs: &["questions", "votes"], may: &[], make: candidates::top_answer },
    RuleRow { rule: Rule::ArgmaxArgmin, needs: &["scores"], may: &[], make: scored::argmax_argmin },
    RuleRow { rule: Rule::AllOrderedPairs, needs: &["scores"], may: &[], make: scored::all_ordered },
    RuleRow {
        rule: Rule::TranslateImbalance,
        needs: &["completions", "translations"],
        may: &[],
        make: translated::make,
    },
    RuleRow { rule: Rule::RandomParallel, needs: &["questions"], may: &[], make: parallel::make },
    RuleRow { rule: Rule::SourceTarget, needs: &["pairs"], may: &[], make: across::make },
];

fn row(rule: Rule) -> &'static RuleRow {
    RULES.iter().find(|row| row.rule == rule).unwrap_or_else(|| bug(format!("rule {rule:?} has no row")))
}

/// What was left out, by reason, in the order in which the reasons came up.
#[derive(Debug, Default)]
struct LeftOut(IndexMap<String, usize>);

impl LeftOut {
    fn add(&mut self, reason: impl Into<String>, count: usize) {
        if count > 0 {
            *self.0.entry(reason.into()).or_default() += count;
        }
    }

    fn told(&self) -> String {
        let told: Vec<String> = self.0.iter().map(|(reason, count)| format!("; {count} {reason}")).collect();
        told.concat()
    }
}

impl Kind for Pairs {
    const NAME: &'static str = "pairs";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "preference pairs: majority against minority (CALM), best against worst (CM-Align), \
                                 shared random preferences (DCO) and more";
    type Spec = PairsSpec;

    fn ports(spec: &PairsSpec) -> Ports {
        let mut ports = Ports::default();
        for (field, reference, kind) in spec.inputs() {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        let ports = ports.writes("pairs", Pair::KIND);
        if spec.validation_fraction > 0.0 { ports.writes("validation", Pair::KIND) } else { ports }
    }

    fn check(spec: &PairsSpec) -> Vec<Problem> {
        check::check(spec)
    }

    fn run(cx: &Context<'_>, spec: &PairsSpec) -> Result<(), Failure> {
        let mut left_out = LeftOut::default();
        let mut units = (row(spec.rule).make)(cx, spec, &mut left_out)?;
        if !spec.task.is_empty() {
            units.iter_mut().flatten().for_each(|pair| pair.task.clone_from(&spec.task));
        }
        let limits =
            Selection { min_margin: spec.min_margin, per_question: spec.per_question, dedupe: spec.dedupe };
        let (kept, dropped) = select(units, &limits);
        left_out.add("pairs left out because their margin is too small", dropped.margin);
        left_out.add("pairs left out because they are there already", dropped.again);
        left_out.add("pairs left out beyond those a question may have", dropped.beyond);
        let groups = kept.iter().filter(|unit| unit.len() > 1).count();
        let pairs = kept.concat();
        if pairs.is_empty() {
            let text = format!("no pair can be made{}", left_out.told());
            return Err(Failure::input(text).hint(
                "without disagreement there is nothing to align: sample more, or at a higher temperature",
            ));
        }
        write(cx, spec, &pairs)?;
        let grouped = if groups > 0 { format!(" in {groups} groups") } else { String::new() };
        cx.observer.note(&format!("{} pairs{grouped}{}", pairs.len(), left_out.told()));
        Ok(())
    }
}

fn write(cx: &Context<'_>, spec: &PairsSpec, pairs: &[Pair]) -> Result<(), Failure> {
    let mut rows = cx.write_rows::<Pair>("pairs")?;
    if spec.validation_fraction <= 0.0 {
        pairs.iter().try_for_each(|pair| rows.write(pair))?;
        rows.finish()?;
        return Ok(());
    }
    let held = held_back(pairs, spec.validation_fraction, spec.seed);
    let mut validation = cx.write_rows::<Pair>("validation")?;
    for pair in pairs {
        if held.contains(&pair.question) { validation.write(pair)? } else { rows.write(pair)? }
    }
    let (validated, trained) = (validation.finish()?, rows.finish()?);
    cx.observer.note(&format!(
        "{trained} pairs to train on, {validated} of {} questions to validate on",
        held.len()
    ));
    Ok(())
}
