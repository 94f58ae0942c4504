//! Loss, rewards, learning rate and gradient norm of each training run, as curves.

use std::collections::BTreeMap;

use crate::{
    artifact::row::training_step::TrainingStep,
    report::{
        content::{ReportContent, TrainingCurve},
        html::Html,
        measure,
        plot::{self, Series},
    },
};

/// A curve is thinned to about this many points; each is the mean of its neighbours.
const POINTS: usize = 240;

/// A plot: heading and the metrics on it. Metrics of the objective go by the names that TRL gives them.
const PLOTS: &[(&str, &[&str])] = &[
    ("Loss", &["loss"]),
    ("Rewards", &["rewards/chosen", "rewards/rejected"]),
    ("Reward margin", &["rewards/margins"]),
    ("Share of pairs ranked right", &["rewards/accuracies"]),
    ("Log-probability of a side", &["logps/chosen", "logps/rejected"]),
    ("Share of tokens predicted first", &["mean_token_accuracy"]),
    ("Entropy of a prediction, nats", &["entropy"]),
    ("Mean of the logits", &["logits/chosen", "logits/rejected"]),
    ("Learning rate", &["learning_rate"]),
    ("Gradient norm", &["grad_norm"]),
    ("Tokens so far", &["num_tokens"]),
];

/// All training runs of a report.
pub fn write(html: &mut Html, content: &ReportContent) {
    for curve in content.training.iter().filter(|curve| !curve.steps.is_empty()) {
        html.element("h3", &[], |heading| {
            heading.text("Training: ").leaf("span", &[("dir", "auto")], &curve.label);
        });
        html.leaf("p", &[("class", "muted")], ending(curve));
        let metrics = series(&curve.steps);
        html.element("div", &[("class", "grid")], |grid| {
            for (heading, names) in PLOTS {
                let drawn: Vec<&Series> = names.iter().filter_map(|name| metrics.get(*name)).collect();
                figure(grid, heading, &drawn);
            }
            let known = |name: &str| PLOTS.iter().any(|(_, names)| names.contains(&name));
            for (name, series) in metrics.iter().filter(|(name, _)| !known(name)) {
                figure(grid, name, &[series]);
            }
        });
    }
}

fn ending(curve: &TrainingCurve) -> String {
    let count = measure::count(curve.steps.len() as u64);
    match (curve.steps.first(), curve.steps.last()) {
        (Some(first), Some(last)) => {
            format!("{count} steps, {:.2} epochs, loss {:.4} → {:.4}", last.epoch, first.loss, last.loss)
        }
        _ => String::new(),
    }
}

fn figure(html: &mut Html, heading: &str, series: &[&Series]) {
    let owned: Vec<Series> = series.iter().map(|series| (*series).clone()).collect();
    let Some(svg) = plot::curves("step", &owned) else { return };
    html.element("figure", &[], |figure| {
        figure.leaf("figcaption", &[], heading).trusted(&svg);
        if series.len() > 1 {
            figure.element("p", &[("class", "legend")], |legend| {
                for (index, series) in series.iter().enumerate() {
                    let style = format!("background:var(--s{})", index % plot::SERIES_COLORS);
                    legend.element("span", &[], |entry| {
                        entry.leaf("i", &[("style", &style)], "").text(&series.name);
                    });
                }
            });
        }
    });
}

/// Every metric of the steps as a thinned curve, by name.
fn series(steps: &[TrainingStep]) -> BTreeMap<String, Series> {
    let mut points: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut add = |name: &str, step: usize, value: f64| {
        points.entry(name.to_owned()).or_default().push((step as f64, value));
    };
    for step in steps {
        add("loss", step.step, step.loss);
        add("learning_rate", step.step, step.learning_rate);
        add("grad_norm", step.step, step.grad_norm);
        for (name, value) in &step.metrics {
            add(name, step.step, *value);
        }
    }
    points
        .into_iter()
        .map(|(name, points)| (name.clone(), Series { name, points: thinned(&points) }))
        .collect()
}

/// Means of equally long stretches.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let mean = |stretch: &[(f64, f64)]| {
        let count = stretch.len() as f64;
        let sum = stretch.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / count, sum.1 / count)
    };
    points.chunks(points.len().div_ceil(POINTS)).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_thinned_to_means_and_short_ones_kept() {
        let points: Vec<(f64, f64)> = (0..1000).map(|x| (f64::from(x), f64::from(x % 2))).collect();
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS && thin.len() > POINTS / 2, "{}", thin.len());
        assert!(thin.iter().all(|(_, y)| (0.3..=0.7).contains(y)), "{thin:?}");
        assert_eq!(thinned(&points[..10]), points[..10]);
    }
}
