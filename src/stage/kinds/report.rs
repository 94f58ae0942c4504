//! `report`: gathers metrics, training curves and votes into the content of a report.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    align::metric::{Metrics, SplitMetrics},
    artifact::{
        METRICS, REPORT,
        row::{Row, question::Question, training_step::TrainingStep, vote::Vote},
    },
    failure::Failure,
    report::content::{
        HeadlineRow, LabelledMetrics, LanguageVotes, PublishedNumber, ReportContent, SampleQuestion,
        TrainingCurve, VoteSummary, Wording,
    },
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::{Ports, Reference},
    },
};

/// The kind.
pub enum Report {}

/// Settings of `report`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportSpec {
    /// The heading.
    #[serde(default = "title")]
    pub title: String,
    /// The metrics to compare, by the name each is to have: `[stage.report.metrics] base = "eval-base"`.
    #[serde(skip_serializing)]
    pub metrics: BTreeMap<String, Reference>,
    /// The order of those names; empty for alphabetical. Names not listed follow.
    #[serde(default)]
    pub order: Vec<String>,
    /// Training curves by the name each is to have: `training = {calm = "dpo.steps"}`.
    #[serde(default, skip_serializing)]
    pub training: BTreeMap<String, Reference>,
    /// Votes to summarise and to show samples of.
    #[serde(default, skip_serializing)]
    pub votes: Option<Reference>,
    /// The questions voted on, to show how they were worded.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// Published numbers to show beside ours.
    #[serde(default)]
    pub published: Vec<PublishedSpec>,
    /// Number of questions to show samples of.
    #[serde(default = "twelve")]
    pub samples: usize,
}

/// A number that somebody published.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedSpec {
    /// The model whose number it is to be compared with, by its name in `metrics`.
    pub model: String,
    /// The measure: `accuracy`, `accuracy, English`, `RankC`, `Consistency_2`, `AC3_2`, `safety rate`, ...
    pub measure: String,
    /// The part of the data; empty when the data are not divided.
    #[serde(default)]
    pub split: String,
    /// The number, in percent.
    pub value: f64,
    /// Where it was published, table and row.
    pub source: String,
}

fn title() -> String {
    "Cross-lingual consistency".to_owned()
}

fn twelve() -> usize {
    12
}

impl Kind for Report {
    const NAME: &'static str = "report";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "metrics side by side, training curves, votes and samples";
    type Spec = ReportSpec;

    fn ports(spec: &ReportSpec) -> Ports {
        let mut ports = Ports::default();
        for (label, reference) in &spec.metrics {
            ports = ports.reads(format!("metrics.{label}"), reference, METRICS);
        }
        for (label, reference) in &spec.training {
            ports = ports.reads(format!("training.{label}"), reference, TrainingStep::KIND);
        }
        if let Some(votes) = &spec.votes {
            ports = ports.reads("votes", votes, Vote::KIND);
        }
        if let Some(questions) = &spec.questions {
            ports = ports.reads("questions", questions, Question::KIND);
        }
        ports.writes("report", REPORT)
    }

    fn check(spec: &ReportSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        if spec.metrics.is_empty() {
            let hint = "[stage.report.metrics] with a line like base = \"eval-base\"";
            problems.push(Problem::new("metrics", "there is nothing to report", hint));
        }
        for label in spec.order.iter().filter(|label| !spec.metrics.contains_key(*label)) {
            let known = spec.metrics.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            problems.push(Problem::new(
                "order",
                format!("there are no metrics named `{label}`"),
                format!("names: {known}"),
            ));
        }
        for (index, published) in spec.published.iter().enumerate() {
            if !spec.metrics.contains_key(&published.model) {
                let known = spec.metrics.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message =
                    format!("entry {}: there are no metrics named `{}`", index + 1, published.model);
                problems.push(Problem::new("published", message, format!("names: {known}")));
            }
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &ReportSpec) -> Result<(), Failure> {
        let mut labels: IndexSet<&String> = spec.order.iter().collect();
        labels.extend(spec.metrics.keys());
        let mut content = ReportContent { title: spec.title.clone(), ..ReportContent::default() };
        for label in labels {
            content.labels.push(label.clone());
            let metrics = cx.document::<Metrics>(&format!("metrics.{label}"))?;
            content.metrics.push(LabelledMetrics { label: label.clone(), metrics });
        }
        content.headline = headline(&content.metrics);
        content.published = spec.published.iter().map(|one| published(one, &content.metrics)).collect();
        for label in spec.training.keys() {
            let steps = cx.rows::<TrainingStep>(&format!("training.{label}"))?;
            content.training.push(TrainingCurve { label: label.clone(), steps });
        }
        if cx.has("votes") {
            let votes: Vec<Vote> = cx.rows("votes")?;
            let questions: Vec<Question> =
                if cx.has("questions") { cx.rows("questions")? } else { Vec::new() };
            content.votes = Some(summary(&votes, &questions));
            content.samples = samples(&votes, &questions, spec.samples);
        }
        cx.write_document("report", &content)
    }
}

fn published(spec: &PublishedSpec, metrics: &[LabelledMetrics]) -> PublishedNumber {
    let found = metrics.iter().find(|labelled| labelled.label == spec.model);
    let split = found.and_then(|found| found.metrics.splits.iter().find(|split| split.split == spec.split));
    PublishedNumber {
        label: spec.model.clone(),
        measure: spec.measure.clone(),
        split: spec.split.clone(),
        value: spec.value,
        ours: split.and_then(|split| split.value(&spec.measure)).map(|value| value.value),
        source: spec.source.clone(),
    }
}

/// A measure of the comparison at a glance: what people call it, and what the metrics do.
type Measure = (&'static str, fn(&SplitMetrics) -> String);

/// The measures of the comparison at a glance, in order.
const MEASURES: &[Measure] = &[
    ("accuracy", |_| "accuracy".to_owned()),
    ("RankC", |_| "RankC".to_owned()),
    ("same answer", |_| "same answer".to_owned()),
    ("all languages alike", |split| {
        format!("Consistency_{}", split.consistency.last().map_or(0, |last| last.size))
    }),
    ("AC3", |split| format!("AC3_{}", split.consistency.first().map_or(0, |first| first.size))),
    ("safety rate", |_| "safety rate".to_owned()),
    ("variance / 100", |_| "variance / 100".to_owned()),
    ("pairwise agreement", |_| "pairwise agreement".to_owned()),
    ("win rate", |_| "win rate".to_owned()),
];

fn headline(metrics: &[LabelledMetrics]) -> Vec<HeadlineRow> {
    let all = metrics.iter().flat_map(|labelled| &labelled.metrics.splits);
    let splits: IndexSet<&str> = all.map(|split| split.split.as_str()).collect();
    let mut rows = Vec::new();
    for split in splits {
        for (name, measure) in MEASURES {
            let found = |labelled: &LabelledMetrics| {
                let found = labelled.metrics.splits.iter().find(|metrics| metrics.split == split)?;
                found.value(&measure(found)).cloned()
            };
            let found: Vec<_> = metrics.iter().map(found).collect();
            if found.iter().any(Option::is_some) {
                rows.push(HeadlineRow {
                    split: split.to_owned(),
                    measure: (*name).to_owned(),
                    values: found.iter().map(|value| Some(value.as_ref()?.value)).collect(),
                    intervals: found.iter().map(|value| value.as_ref()?.interval).collect(),
                });
            }
        }
    }
    rows
}

fn summary(votes: &[Vote], questions: &[Question]) -> VoteSummary {
    let mut languages: Vec<LanguageVotes> = Vec::new();
    let right = right_answers(questions);
    for vote in votes {
        for ballot in &vote.ballots {
            let found = languages.iter().position(|known| known.lang == ballot.lang);
            let index = found.unwrap_or_else(|| {
                let lang = ballot.lang.clone();
                languages.push(LanguageVotes { lang, ballots: 0, agreeing: 0, examples: 0, right: None });
                languages.len() - 1
            });
            languages[index].ballots += 1;
            languages[index].agreeing += usize::from(ballot.answer == vote.answer);
            if let Some(right) = right.get(&(vote.id.as_str(), ballot.lang.as_str())) {
                let (hits, known) = languages[index].right.get_or_insert((0, 0));
                *hits += usize::from(right.contains(&ballot.answer));
                *known += 1;
            }
        }
        for language in languages.iter_mut().filter(|language| language.lang == vote.example_lang) {
            language.examples += 1;
        }
    }
    VoteSummary {
        questions: votes.len(),
        tied: votes.iter().filter(|vote| vote.tied).count(),
        known: votes.iter().filter(|vote| vote.correct.is_some()).count(),
        correct: votes.iter().filter(|vote| vote.correct == Some(true)).count(),
        ballots: votes.iter().map(|vote| vote.ballots.len()).sum(),
        per_language: languages,
    }
}

/// What the right answer to each question may be called in a vote: its entity code; where it has none, its position,
/// its letter or its text, depending on how answers were read.
fn right_answers(questions: &[Question]) -> BTreeMap<(&str, &str), Vec<String>> {
    let mut right = BTreeMap::new();
    for question in questions {
        let Some(answer) = question.answer else { continue };
        let names = if let Some(code) = question.choice_ids.get(answer) {
            vec![code.clone()]
        } else {
            let letter = ('A'..='Z').nth(answer).map(String::from);
            let text = question.choices.get(answer).map(|choice| choice.trim().to_owned());
            [Some(answer.to_string()), letter, text].into_iter().flatten().collect()
        };
        right.insert((question.id.as_str(), question.lang.as_str()), names);
    }
    right
}

/// Questions spread evenly over the votes that are not unanimous: those show what a vote decides.
fn samples(votes: &[Vote], questions: &[Question], count: usize) -> Vec<SampleQuestion> {
    let divided: Vec<&Vote> = votes.iter().filter(|vote| vote.counts.len() > 1).collect();
    let step = divided.len().div_ceil(count.max(1)).max(1);
    let sample = |vote: &&Vote| {
        let languages: IndexSet<&str> = vote.ballots.iter().map(|ballot| ballot.lang.as_str()).collect();
        let wording = |lang: &&str| {
            let question =
                questions.iter().find(|question| question.id == vote.id && question.lang == *lang)?;
            let right = question.answer.and_then(|position| question.choices.get(position));
            Some(Wording {
                lang: question.lang.clone(),
                question: question.question.clone(),
                right: right.map(|text| text.trim().to_owned()).unwrap_or_default(),
            })
        };
        SampleQuestion {
            id: vote.id.clone(),
            wordings: languages.iter().filter_map(wording).collect(),
            answer: vote.answer.clone(),
            correct: vote.correct,
            counts: vote.counts.clone(),
            ballots: vote.ballots.clone(),
        }
    };
    divided.iter().copied().step_by(step).take(count).map(|vote| sample(&vote)).collect()
}
