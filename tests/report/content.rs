//! A report as the quickstart would make it, with numbers that are made up by formula.

use std::collections::BTreeMap;

use chorale::{
    align::metric::{
        Accuracy, Against, Change, Consistency, Entropy, GroupRate, LanguageAccuracy, LanguageChange,
        LanguageVerdicts, Metrics, Oracle, PairMatrix, SplitMetrics, Spread, Value, Verdicts,
    },
    artifact::row::{training_step::TrainingStep, vote::Ballot},
    report::{
        content::{
            HeadlineRow, LabelledMetrics, LanguageVotes, PublishedNumber, ReportContent, SampleQuestion,
            TrainingCurve, VoteSummary, Wording,
        },
        page::{NodeState, NodeView, RunView},
    },
};

pub(super) const LANGUAGES: [&str; 8] = ["en", "fr", "de", "es", "zh", "ja", "ar", "sw"];

/// A report on two models, two parts of the data and eight languages.
pub(super) fn content() -> ReportContent {
    let metrics = |lift: f64| Metrics {
        splits: vec![
            split("trained", 66.0 + 3.0 * lift, 83.0 + 2.1 * lift),
            split("held-out", 61.0 - lift, 70.0),
        ],
    };
    let row = |split: &str, measure: &str, values: [f64; 2]| HeadlineRow {
        split: split.into(),
        measure: measure.into(),
        values: values.into_iter().map(Some).collect(),
        intervals: values.into_iter().map(|value| Some([value - 1.5, value + 1.5])).collect(),
    };
    ReportContent {
        title: "CALM on facts about countries".into(),
        labels: vec!["base".into(), "calm".into()],
        headline: vec![
            row("trained", "accuracy", [83.7, 85.8]),
            row("trained", "RankC", [65.7, 68.7]),
            row("trained", "Consistency_2", [74.1, 79.9]),
            row("held-out", "accuracy", [70.2, 69.9]),
            row("held-out", "RankC", [58.3, 58.31]),
        ],
        metrics: vec![
            LabelledMetrics { label: "base".into(), metrics: metrics(0.0) },
            LabelledMetrics { label: "calm".into(), metrics: metrics(1.0) },
        ],
        published: vec![PublishedNumber {
            label: "calm".into(),
            measure: "accuracy".into(),
            split: "trained".into(),
            value: 64.8,
            ours: Some(85.1),
            source: "CALM, table 1".into(),
        }],
        training: vec![
            TrainingCurve { label: "base".into(), steps: steps(1200, false) },
            TrainingCurve { label: "calm".into(), steps: steps(180, true) },
        ],
        votes: Some(votes()),
        samples: vec![sample("capital:EG"), sample("capital:<b>&\"'")],
    }
}

fn split(name: &str, consistency: f64, accuracy: f64) -> SplitMetrics {
    let matrix = |base: f64| {
        let value = |row: usize, column: usize| match (row, column) {
            (6, 7) | (7, 6) => None,
            _ if row == column => Some(100.0),
            _ => Some(base - 3.1 * (row + column) as f64 + (row * column % 5) as f64),
        };
        let values = (0..8).map(|row| (0..8).map(|column| value(row, column)).collect()).collect();
        PairMatrix { mean: Some(base - 20.0), values }
    };
    SplitMetrics {
        split: name.into(),
        languages: LANGUAGES.map(str::to_owned).to_vec(),
        questions: 412,
        dropped: 0,
        accuracy: Some(Accuracy {
            mean: accuracy,
            per_language: LANGUAGES
                .iter()
                .enumerate()
                .map(|(index, lang)| LanguageAccuracy {
                    lang: (*lang).into(),
                    accuracy: accuracy + 6.0 - 2.0 * index as f64,
                    right: 300,
                    questions: 412,
                })
                .collect(),
        }),
        consistency: vec![Consistency { size: 2, consistency, ac3: Some(70.0) }],
        rankc: Some(matrix(consistency + 20.0)),
        top1: Some(matrix(consistency + 18.0)),
        values: [
            "RankC",
            "same answer",
            "accuracy",
            "accuracy, English",
            "accuracy, other languages",
            "AC3_2",
        ]
        .iter()
        .enumerate()
        .map(|(index, measure)| Value {
            measure: (*measure).into(),
            value: accuracy - index as f64,
            interval: Some([accuracy - index as f64 - 1.2, accuracy - index as f64 + 1.3]),
        })
        .collect(),
        entropy: Some(Entropy {
            right: Spread { mean: 0.41, deviation: 0.41, count: 300 },
            wrong: Spread { mean: 0.98, deviation: 0.33, count: 112 },
            per_language: Vec::new(),
        }),
        oracle: Some(Oracle { accuracy: 91.2, weights: vec![1.0; 8] }),
        against: (accuracy > 84.0).then(against),
        verdicts: (name == "held-out").then(verdicts),
        ..SplitMetrics::default()
    }
}

fn against() -> Against {
    let change = |(index, lang): (usize, &&str)| LanguageChange {
        lang: (*lang).into(),
        changed: 4.0 + 5.0 * index as f64,
        gained: 3 * index,
        lost: 6,
        p: if index == 7 { 0.0004 } else { 0.21 },
    };
    Against {
        questions: 412,
        unmatched: 2,
        changed: 18.7,
        per_language: LANGUAGES.iter().enumerate().map(change).collect(),
        changes: vec![Change {
            measure: "RankC".into(),
            change: 3.0,
            interval: Some([1.1, 4.9]),
            p_bootstrap: Some(0.002),
            better: 120,
            worse: 71,
            p_sign: 0.0005,
        }],
    }
}

fn verdicts() -> Verdicts {
    let rate = |(index, lang): (usize, &&str)| LanguageVerdicts {
        lang: (*lang).into(),
        counts: BTreeMap::from([("safe".to_owned(), 90 - index), ("unsafe".to_owned(), 10 + index)]),
        rate: 90.0 - index as f64,
    };
    Verdicts {
        per_language: LANGUAGES.iter().enumerate().map(rate).collect(),
        groups: vec![GroupRate {
            group: "in-domain".into(),
            languages: vec!["en".into(), "zh".into()],
            attack_success: 12.5,
        }],
        unparsable: 3,
    }
}

fn steps(count: u32, rewards: bool) -> Vec<TrainingStep> {
    (1..=count)
        .map(|step| {
            let at = f64::from(step) / f64::from(count);
            let wobble = (f64::from(step) * 0.7).sin() * 0.08;
            let metrics = if rewards {
                BTreeMap::from([
                    ("rewards/chosen".to_owned(), at + wobble),
                    ("rewards/rejected".to_owned(), -1.8 * at + wobble),
                    ("rewards/margins".to_owned(), 2.8 * at),
                    ("rewards/accuracies".to_owned(), 0.5 + 0.45 * at + wobble),
                ])
            } else {
                BTreeMap::new()
            };
            TrainingStep {
                step: step as usize,
                epoch: at * 3.0,
                learning_rate: 2e-3 * (1.0 - at),
                loss: if rewards { 0.69 * (1.0 - 0.7 * at) } else { 8.0 * (-4.0 * at).exp() + 0.6 } + wobble,
                grad_norm: 1.0 + wobble,
                metrics,
            }
        })
        .collect()
}

fn votes() -> VoteSummary {
    let languages = LANGUAGES.iter().enumerate().map(|(index, lang)| LanguageVotes {
        lang: (*lang).into(),
        ballots: 1236,
        agreeing: 1180 - index * 70,
        examples: 60 - index * 5,
        right: Some((1100 - index * 80, 1236)),
    });
    VoteSummary {
        questions: 412,
        tied: 17,
        known: 412,
        correct: 371,
        ballots: 9888,
        per_language: languages.collect(),
    }
}

fn sample(id: &str) -> SampleQuestion {
    let wording = |lang: &str, question: &str, right: &str| Wording {
        lang: lang.into(),
        question: question.into(),
        right: right.into(),
    };
    let ballot = |lang: &str, sample: usize, answer: &str, completion: &str| Ballot {
        lang: lang.into(),
        sample,
        answer: answer.into(),
        completion: completion.into(),
    };
    SampleQuestion {
        id: id.into(),
        wordings: vec![
            wording("en", "The capital of Egypt is", "Cairo"),
            wording("ar", "عاصمة مصر هي", "القاهرة"),
            wording("ja", "エジプトの首都は", "カイロ"),
            wording("sw", &format!("Mji mkuu wa Misri ni {id}"), "Kairo"),
        ],
        answer: "cairo".into(),
        correct: Some(true),
        counts: vec![("cairo".into(), 6), ("khartoum".into(), 2)],
        ballots: vec![
            ballot("en", 0, "cairo", " Cairo"),
            ballot("en", 1, "cairo", " Cairo"),
            ballot("ar", 0, "cairo", " القاهرة"),
            ballot("ar", 1, "khartoum", " الخرطوم"),
            ballot("ja", 0, "cairo", "カイロ"),
            ballot("sw", 0, "khartoum", " <script>alert(1)</script>"),
        ],
    }
}

/// A run with a node in every state.
pub(super) fn run() -> RunView {
    use NodeState::{Blocked, Cached, Failed, Finished, Stopped};

    let node = |name: &str, kind: &str, inputs: &[usize], state: NodeState, seconds: f64| NodeView {
        name: name.into(),
        kind: kind.into(),
        inputs: inputs.to_vec(),
        state,
        seconds: Some(seconds),
        wrote: vec!["12,303 texts".into()],
        ..NodeView::default()
    };
    let mut nodes = vec![
        node("facts", "facts", &[], Cached, 0.2),
        node("tokenizer", "tokenizer", &[0], Cached, 0.9),
        node("blank", "decoder", &[1], Cached, 0.3),
        node("base", "train", &[0, 2], Cached, 122.0),
        node("rank-base", "score", &[0, 3], Cached, 9.3),
        node("answers", "sample", &[0, 3], Cached, 14.0),
        node("votes", "vote", &[0, 5], Cached, 0.1),
        node("pairs", "pairs", &[0, 6], Cached, 0.1),
        node("reference", "score", &[3, 7], Cached, 4.2),
        node("calm", "train", &[3, 7, 8], Finished, 38.4),
        node("rank-calm", "score", &[0, 9], Finished, 9.1),
        node("eval-base", "evaluate", &[4], Cached, 0.1),
        node("eval-calm", "evaluate", &[10], Failed, 0.1),
        node("report", "report", &[6, 9, 11, 12], Blocked, 0.1),
        node("a-stage-with-a-very-long-name", "report", &[11], Stopped, 0.1),
    ];
    nodes[9].reason = Some("beta: 0.1 -> 0.2".into());
    nodes[9].notes = vec!["3 pairs were cut to 256 tokens".into()];
    nodes[12].failure =
        Some("rankings of `sw` are missing for 3 questions (hint: rank all languages)".into());
    RunView {
        run: "2026-11-21T03-14-26Z-3fa91c".into(),
        recipe: "quickstart".into(),
        recipe_path: "recipes/quickstart.toml".into(),
        recipe_text: "#:schema ../schemas/recipe.json\n[recipe]\nname = \"quickstart\"\n\n[params]\nbeta = 0.2 # <-- & more\n"
            .into(),
        started: "2026-11-21T03:14:26Z".into(),
        status: "failed".into(),
        seconds: Some(62.4),
        facts: vec![
            ("chorale".into(), "0.1.0".into()),
            ("runtime".into(), "onnxruntime 1.31.1 cpu".into()),
            ("--set".into(), "params.beta=0.2".into()),
        ],
        defaults: vec![("dpo".into(), vec![("beta".into(), "0.1".into()), ("loss".into(), "\"sigmoid\"".into())])],
        nodes,
    }
}
