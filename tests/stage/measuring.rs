//! `evaluate` and `report`.

use std::collections::BTreeMap;

use chorale::{
    align::metric::Metrics,
    artifact::row::{
        completion::Completion, question::Question, ranking::Ranking, training_step::TrainingStep,
    },
    report::content::ReportContent,
};

use super::support::{Bench, parse};

fn ranking(id: &str, lang: &str, split: &str, scores: &[f32]) -> Ranking {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    Ranking {
        id: id.into(),
        lang: lang.into(),
        split: split.into(),
        scores: scores.to_vec(),
        ranking: order,
        answer: Some(0),
    }
}

/// Two questions in two languages; they agree on the first only.
fn rankings() -> Vec<Ranking> {
    vec![
        ranking("1", "en", "trained", &[-1.0, -2.0, -3.0, -4.0]),
        ranking("1", "sw", "trained", &[-1.0, -2.0, -3.0, -4.0]),
        ranking("2", "en", "held-out", &[-1.0, -2.0, -3.0, -4.0]),
        ranking("2", "sw", "held-out", &[-2.0, -1.0, -3.0, -4.0]),
    ]
}

#[test]
fn rankings_become_metrics_per_split() {
    let bench = Bench::new();
    bench.rows("rankings", &rankings());
    bench.run("evaluate", "rankings = 'rankings'\nsplits = ['held-out', 'trained']").unwrap();
    let metrics: Metrics = serde_json::from_value(bench.document("metrics")).unwrap();
    assert_eq!(metrics.splits[0].split, "held-out");
    let held_out = &metrics.splits[0];
    assert!((held_out.rankc.as_ref().unwrap().mean.unwrap() - 35.61).abs() < 5e-3);
    assert_eq!(held_out.accuracy.as_ref().unwrap().mean, 50.0);
    assert_eq!(metrics.splits[1].rankc.as_ref().unwrap().mean, Some(100.0));
    assert!(bench.notes().contains("trained: accuracy 100.0, RankC 100.0, same answer 100.0 (1 questions)"));
}

#[test]
fn rankings_that_are_not_parallel_are_refused() {
    let bench = Bench::new();
    let mut rows = rankings();
    rows.pop();
    bench.rows("rankings", &rows);
    let (message, hint) = bench.failure("evaluate", "rankings = 'rankings'");
    assert_eq!(message, "question `2` has no ranking in `sw`");
    assert!(hint.contains("missing = \"drop\""));
    bench.run("evaluate", "rankings = 'rankings'\nmissing = 'drop'").unwrap();
    assert!(bench.notes().contains("1 questions dropped"));
    let (message, _) =
        bench.failure("evaluate", "rankings = 'rankings'\nlanguages = ['en', 'ja']\nmissing = 'drop'");
    assert_eq!(message, "there is no question to evaluate");

    rows.push(ranking("2", "sw", "held-out", &[-1.0, -2.0]));
    bench.rows("rankings", &rows);
    let (message, _) = bench.failure("evaluate", "rankings = 'rankings'");
    assert_eq!(message, "question `2` has 2 candidates in `sw` but 4 in `en`");
    rows.push(rows[0].clone());
    bench.rows("rankings", &rows);
    let (message, _) = bench.failure("evaluate", "rankings = 'rankings'");
    assert_eq!(message, "question `1` is ranked twice in `en`");
}

#[test]
fn what_is_asked_for_must_be_there() {
    let bench = Bench::new();
    bench.rows("rankings", &rankings());
    let (message, hint) = bench.failure("evaluate", "rankings = 'rankings'\nsplits = ['test']");
    assert_eq!(
        (message.as_str(), hint.as_str()),
        ("no question belongs to the split `test`", "splits: trained, held-out")
    );
    let english = "rankings = 'rankings'\nlanguages = ['sw']\nrankc = {pairs = 'english'}";
    assert!(bench.failure("evaluate", english).0.contains("`en` is not among the languages"));
    assert!(
        bench.failure("evaluate", "rankings = 'rankings'\nconsistency = [3]").0.contains("no groups of 3")
    );
    for (settings, field) in [
        ("", "rankings"),
        ("rankings = 'r'\ncompletions = 'c'", "completions"),
        ("completions = 'c'", "completions"),
        ("rankings = 'r'\nquestions = 'q'", "questions"),
        ("rankings = 'r'\nconsistency = [1]", "consistency"),
    ] {
        assert_eq!(parse("evaluate", settings).check()[0].field, field, "{settings}");
    }
}

#[test]
fn sampled_answers_are_measured_too() {
    let bench = Bench::new();
    let question = |lang: &str, choices: [&str; 2]| Question {
        id: "q".into(),
        lang: lang.into(),
        question: "?".into(),
        choices: choices.map(str::to_owned).to_vec(),
        answer: Some(0),
        choice_ids: ["paris", "rome"].map(str::to_owned).to_vec(),
        split: "trained".into(),
        group: String::new(),
    };
    let sample = |lang: &str, completion: &str| Completion {
        id: "q".into(),
        lang: lang.into(),
        sample: 0,
        prompt: "?".into(),
        completion: completion.into(),
        finish: String::new(),
    };
    bench.rows("questions", &[question("en", [" Paris", " Rome"]), question("sw", [" Parisi", " Roma"])]);
    bench.rows("completions", &[sample("en", " Paris"), sample("sw", " hm")]);
    let settings = "questions = 'questions'\ncompletions = 'completions'\n";
    bench.run("evaluate", settings).unwrap();
    let metrics: Metrics = serde_json::from_value(bench.document("metrics")).unwrap();
    let split = &metrics.splits[0];
    assert_eq!((split.questions, split.dropped), (1, 1));
    assert_eq!(split.accuracy.as_ref().unwrap().mean, 50.0);
    assert!(split.rankc.is_none());
    bench.run("evaluate", &(settings.to_owned() + "unreadable = 'differs'")).unwrap();
    let metrics: Metrics = serde_json::from_value(bench.document("metrics")).unwrap();
    assert_eq!((metrics.splits[0].dropped, metrics.splits[0].consistency[0].consistency), (0, 0.0));
}

#[test]
fn a_report_sets_metrics_side_by_side_in_the_order_asked_for() {
    let bench = Bench::new();
    bench.rows("rankings", &rankings());
    bench.run("evaluate", "rankings = 'rankings'").unwrap();
    std::fs::copy(bench.path("metrics"), bench.path("before")).unwrap();
    let step = TrainingStep {
        step: 1,
        epoch: 0.1,
        learning_rate: 1e-4,
        loss: 0.69,
        grad_norm: 1.0,
        metrics: BTreeMap::new(),
    };
    bench.rows("steps", &[step]);
    let settings =
        "order = ['base']\nmetrics = {after = 'metrics', base = 'before'}\ntraining = {calm = 'steps'}";
    bench.run("report", settings).unwrap();
    let content: ReportContent = serde_json::from_value(bench.document("report")).unwrap();
    assert_eq!(content.labels, ["base", "after"]);
    let first = &content.headline[0];
    assert_eq!((first.split.as_str(), first.measure.as_str()), ("trained", "accuracy"));
    assert_eq!(first.values, [Some(100.0), Some(100.0)]);
    assert_eq!(content.headline.len(), 2 * 5);
    assert_eq!(content.training[0].steps.len(), 1);
    assert!(content.votes.is_none());
    let wrong = parse("report", "metrics = {}\norder = ['x']").check();
    assert_eq!(wrong.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["metrics", "order"]);
}
