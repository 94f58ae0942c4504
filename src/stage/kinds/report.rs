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
        HeadlineRow, LabelledMetrics, LanguageVotes, ReportContent, SampleQuestion, TrainingCurve,
        VoteSummary, Wording,
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
    /// Number of questions to show samples of.
    #[serde(default = "twelve")]
    pub samples: usize,
}

fn title() -> String {
    "Cross-lingual consistency".to_owned()
}

fn twelve() -> usize {
    12
}

impl Kind for Report {
    const NAME: &'static str = "report";
    const VERSION: u32 = 1;
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
        for label in spec.training.keys() {
            let steps = cx.rows::<TrainingStep>(&format!("training.{label}"))?;
            content.training.push(TrainingCurve { label: label.clone(), steps });
        }
        if cx.has("votes") {
            let votes: Vec<Vote> = cx.rows("votes")?;
            let questions: Vec<Question> =
                if cx.has("questions") { cx.rows("questions")? } else { Vec::new() };
            content.votes = Some(summary(&votes));
            content.samples = samples(&votes, &questions, spec.samples);
        }
        cx.write_document("report", &content)
    }
}

/// One measure of the comparison at a glance.
struct Measure {
    name: &'static str,
    value: fn(&SplitMetrics) -> Option<f64>,
}

/// The measures of the comparison at a glance, in order.
const MEASURES: &[Measure] = &[
    Measure { name: "accuracy", value: |split| split.accuracy.as_ref().map(|accuracy| accuracy.mean) },
    Measure { name: "RankC", value: |split| split.rankc.as_ref().and_then(|rankc| rankc.mean) },
    Measure { name: "same answer", value: |split| split.top1.as_ref().and_then(|top1| top1.mean) },
    Measure {
        name: "all languages alike",
        value: |split| split.consistency.last().map(|all| all.consistency),
    },
    Measure { name: "AC3", value: |split| split.consistency.first().and_then(|pairs| pairs.ac3) },
];

fn headline(metrics: &[LabelledMetrics]) -> Vec<HeadlineRow> {
    let all = metrics.iter().flat_map(|labelled| &labelled.metrics.splits);
    let splits: IndexSet<&str> = all.map(|split| split.split.as_str()).collect();
    let mut rows = Vec::new();
    for split in splits {
        for measure in MEASURES {
            let value = |labelled: &LabelledMetrics| {
                let found = labelled.metrics.splits.iter().find(|metrics| metrics.split == split);
                found.and_then(measure.value)
            };
            let values: Vec<Option<f64>> = metrics.iter().map(value).collect();
            if values.iter().any(Option::is_some) {
                rows.push(HeadlineRow { split: split.to_owned(), measure: measure.name.to_owned(), values });
            }
        }
    }
    rows
}

fn summary(votes: &[Vote]) -> VoteSummary {
    let mut languages: Vec<LanguageVotes> = Vec::new();
    for vote in votes {
        for ballot in &vote.ballots {
            let found = languages.iter().position(|known| known.lang == ballot.lang);
            let index = found.unwrap_or_else(|| {
                let lang = ballot.lang.clone();
                languages.push(LanguageVotes { lang, ballots: 0, agreeing: 0, examples: 0 });
                languages.len() - 1
            });
            languages[index].ballots += 1;
            languages[index].agreeing += usize::from(ballot.answer == vote.answer);
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
