//! Examples that share rows give the numbers that they give in rows of their own.

use chorale::{
    model::{lora::Lora, loss::Unit},
    random::Draws,
    tensor::close::Tolerance,
    train::{
        batch::{Batch, Packing},
        example::Example,
        graph::Form,
    },
};

use super::{assert_close, gradients::start_with, settings};

/// Examples of many lengths with `branches` branches each.
fn examples(branches: usize) -> Vec<Example> {
    let mut draws = Draws::new(3, "packing", branches as u64);
    let mut tokens = |least: usize, most: usize| -> Vec<u32> {
        let count = least + draws.below(most - least);
        (0..count).map(|_| 3 + draws.below(90) as u32).collect()
    };
    (0..12)
        .map(|number| Example {
            id: number.to_string(),
            prompt: tokens(1, 20),
            branches: (0..branches).map(|_| tokens(1, 12)).collect(),
            references: vec![-20.0; if branches > 1 { branches } else { 0 }],
            ..Example::default()
        })
        .collect()
}

fn packed_equals_apart(objective: &str, lora: Option<&Lora>) {
    let optimizer = settings(objective).optimizer;
    let mut start = start_with("untied", objective, lora, Form::default(), &optimizer, false);
    let examples = examples(start.training.loss.roles().len());
    let examples: Vec<&Example> = examples.iter().collect();
    let numbers: Vec<usize> = (0..examples.len()).collect();
    let mut results = Vec::new();
    for packing in [Packing::On, Packing::Off] {
        let mut batch = Batch::new(&examples, packing);
        if lora.is_some_and(|lora| lora.dropout > 0.0) {
            batch.draw(1, 4, &numbers);
        }
        let rows = batch.rows;
        let units = match start.training.loss.unit() {
            Unit::Token => batch.scored(),
            Unit::Example | Unit::Group => examples.len(),
        };
        let reported = start.stepper.gradient(&[batch], units).unwrap();
        let gradient = start.stepper.read_gradient().unwrap().as_f32().unwrap().to_vec();
        results.push((rows, reported, gradient));
    }
    let (packed_rows, packed, packed_gradient) = &results[0];
    let (rows, apart, gradient) = &results[1];
    assert_eq!(*rows, 12);
    assert!(*packed_rows <= 8, "{packed_rows} rows");
    let most = Tolerance::Close.relative();
    assert_close(objective, &[packed.loss as f32], &[apart.loss as f32], most);
    assert!(packed.metrics.len() >= 2);
    for (name, value) in &packed.metrics {
        assert_close(name, &[*value as f32], &[apart.metrics[name] as f32], most);
    }
    assert!(gradient.iter().any(|value| *value != 0.0));
    assert_close(objective, packed_gradient, gradient, most);
}

#[test]
fn packed_texts_and_completions_give_the_loss_and_gradient_of_separate_rows() {
    packed_equals_apart("lm", None);
    packed_equals_apart("sft", None);
}

#[test]
fn packed_pairs_give_the_loss_and_gradient_of_separate_rows() {
    packed_equals_apart("dpo", None);
}

#[test]
fn dropout_drops_the_same_in_packed_and_separate_rows() {
    let targets = vec!["all-linear".to_owned()];
    let lora = Lora { rank: 4, alpha: 8.0, rank_stabilised: false, dropout: 0.3, targets };
    packed_equals_apart("dpo", Some(&lora));
}
