//! `evaluate`: accuracy, cross-lingual consistency and safety of rankings, of sampled answers, or of verdicts (methods 6).
//!
//! Each source becomes an [`AnswerTable`] ([`rankings`], [`answers`], [`verdicts`]); all numbers come from there
//! ([`crate::align::metric`]).

use indexmap::IndexSet;

use super::reading::{Answers, Reading};
use crate::{
    align::metric::{
        AnswerTable, Metrics, SplitMetrics,
        measure::{Options, Pairs, measure},
    },
    artifact::{
        METRICS,
        row::{
            Row, answer::Answer, completion::Completion, question::Question, ranking::Ranking,
            verdict::Verdict,
        },
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::Ports,
    },
};

mod answers;
mod rankings;
mod spec;
mod verdicts;

pub use spec::EvaluateSpec;
use spec::Missing;

/// The kind.
pub enum Evaluate {}

impl Kind for Evaluate {
    const NAME: &'static str = "evaluate";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "accuracy, consistency, AC3, RankC, safety: with intervals and paired tests";
    type Spec = EvaluateSpec;

    fn ports(spec: &EvaluateSpec) -> Ports {
        let kind = if spec.verdicts.is_some() {
            Verdict::KIND
        } else if spec.completions.is_some() {
            Completion::KIND
        } else if spec.answers.is_some() {
            Answer::KIND
        } else {
            Ranking::KIND
        };
        let mut ports = Ports::default();
        for (field, reference, kind) in [
            ("rankings", &spec.rankings, Ranking::KIND),
            ("answers", &spec.answers, Answer::KIND),
            ("completions", &spec.completions, Completion::KIND),
            ("questions", &spec.questions, Question::KIND),
            ("verdicts", &spec.verdicts, Verdict::KIND),
            ("before", &spec.before, kind),
            ("judged", &spec.judged, Completion::KIND),
            ("baseline", &spec.baseline, Completion::KIND),
        ] {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        ports.writes("metrics", METRICS)
    }

    fn check(spec: &EvaluateSpec) -> Vec<Problem> {
        spec.problems()
    }

    fn run(cx: &Context<'_>, spec: &EvaluateSpec) -> Result<(), Failure> {
        let source = Source::of(cx);
        let (table, dropped) = source.table(cx, source.name(), spec, None)?;
        if dropped > 0 {
            cx.observer.note(&format!("{dropped} questions dropped: missing in some language"));
        }
        let options = spec.options();
        check_table(&table, &options)?;
        let before = if cx.has("before") {
            let (before, dropped) = source
                .table(cx, "before", spec, Some(&table.languages))
                .map_err(|failure| failure.at("before"))?;
            if dropped > 0 {
                cx.observer
                    .note(&format!("{dropped} questions of `before` dropped: missing in some language"));
            }
            Some(before)
        } else {
            None
        };
        let mut metrics = measure(&table, before.as_ref(), &options);
        if source == Source::Verdicts {
            verdicts::complete(cx, spec, &table, &mut metrics)?;
        }
        for split in &metrics.splits {
            cx.observer.note(&summary(split));
        }
        cx.write_document::<Metrics>("metrics", &metrics)
    }
}

/// What is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Rankings,
    Answers,
    Completions,
    Verdicts,
}

impl Source {
    fn of(cx: &Context<'_>) -> Self {
        if cx.has("verdicts") {
            Self::Verdicts
        } else if cx.has("completions") {
            Self::Completions
        } else if cx.has("answers") {
            Self::Answers
        } else {
            Self::Rankings
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rankings => "rankings",
            Self::Answers => "answers",
            Self::Completions => "completions",
            Self::Verdicts => "verdicts",
        }
    }

    /// The answers that the input `field` holds, and how many questions were dropped. `languages` are those of the
    /// table it will be compared with.
    fn table(
        self,
        cx: &Context<'_>,
        field: &str,
        spec: &EvaluateSpec,
        languages: Option<&[String]>,
    ) -> Result<(AnswerTable, usize), Failure> {
        let wanted: Vec<String> = languages
            .map_or_else(|| spec.languages.iter().map(ToString::to_string).collect(), <[String]>::to_vec);
        let questions: Vec<Question> = if cx.has("questions") { cx.rows("questions")? } else { Vec::new() };
        match self {
            Self::Rankings => rankings::table(&cx.rows(field)?, &questions, &wanted, spec),
            Self::Answers => answers::table(&cx.rows(field)?, &questions, &wanted, spec),
            Self::Completions => {
                let reading = Reading::usual(spec.parse, spec.require_valid_letter);
                let rows = Answers::new(&questions, reading, &spec.languages)?;
                let rows = rows.all(&cx.rows::<Completion>(field)?)?;
                answers::table(&rows, &questions, &wanted, spec)
            }
            Self::Verdicts => verdicts::table(&cx.rows(field)?, &wanted, spec),
        }
    }
}

/// The languages to compare: those asked for, or those seen.
fn languages(wanted: &[String], seen: IndexSet<&str>) -> Vec<String> {
    if wanted.is_empty() { seen.into_iter().map(str::to_owned).collect() } else { wanted.to_vec() }
}

fn missing(what: &str, id: &str, lang: &str) -> Failure {
    Failure::input(format!("question `{id}` has no {what} in `{lang}`"))
        .hint("`missing = \"drop\"` leaves out questions that some language lacks")
}

/// What can only be known once the data are read.
fn check_table(table: &AnswerTable, options: &Options) -> Result<(), Failure> {
    let languages = &table.languages;
    if table.rows.is_empty() {
        return Err(
            Failure::input("there is no question to evaluate").hint("look at the stages before this one")
        );
    }
    if options.pairs == Pairs::English && !languages.iter().any(|lang| lang == "en") {
        return Err(Failure::input("pairs with English are asked for, but `en` is not among the languages")
            .hint("`pairs = \"all\"` compares all languages"));
    }
    if let Some(size) = options.sizes.iter().find(|size| **size > languages.len()) {
        return Err(Failure::input(format!(
            "there are no groups of {size} among {} languages",
            languages.len()
        ))
        .hint("the setting `consistency` lists sizes of groups"));
    }
    let named = options.accuracy_languages.iter().chain(&options.ac3_languages);
    let named = named.chain(options.expert_weights.keys()).chain(options.groups.values().flatten());
    for lang in named {
        if !languages.contains(lang) {
            return Err(Failure::input(format!("`{lang}` is not among the languages"))
                .hint(format!("languages: {}", languages.join(", "))));
        }
    }
    for split in &options.splits {
        if !table.rows.iter().any(|row| row.split == *split) {
            let known: IndexSet<&str> = table.rows.iter().map(|row| row.split.as_str()).collect();
            return Err(Failure::input(format!("no question belongs to the split `{split}`"))
                .hint(format!("splits: {}", known.into_iter().collect::<Vec<_>>().join(", "))));
        }
    }
    Ok(())
}

/// One line about a split.
fn summary(split: &SplitMetrics) -> String {
    let measures = ["accuracy", "RankC", "same answer", "safety rate", "pairwise agreement", "win rate"];
    let mut parts = Vec::new();
    for measure in measures {
        if let Some(value) = split.value(measure) {
            parts.push(format!("{measure} {:.1}", value.value));
        }
    }
    let name = if split.split.is_empty() { "all" } else { &split.split };
    let changed =
        split.against.as_ref().map(|against| format!("; {:.1} % of answers changed", against.changed));
    format!("{name}: {} ({} questions){}", parts.join(", "), split.questions, changed.unwrap_or_default())
}
