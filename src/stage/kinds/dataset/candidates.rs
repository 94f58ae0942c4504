//! What is done to the candidates of a question, in all its languages at once: duplicates, too few of them, their order.

use indexmap::IndexMap;

use super::{
    drops::Drops,
    parallel::Parallel,
    spec::{DatasetSpec, Duplicates},
};
use crate::{failure::Failure, random::Draws};

/// Applies `duplicates`, `min_candidates` and `shuffle`. Returns how many questions keep duplicates.
pub(super) fn arrange(
    by_id: &mut IndexMap<String, Parallel>,
    spec: &DatasetSpec,
    drops: &mut Drops,
) -> Result<usize, Failure> {
    let (mut failure, mut kept) = (None, 0);
    by_id.retain(|id, parallel| {
        if failure.is_some() {
            return true;
        }
        if let Some((at, message)) = duplicate(parallel) {
            match spec.duplicates {
                Duplicates::Keep => kept += 1,
                Duplicates::Merge => merge(parallel),
                Duplicates::Drop => {
                    drops.count("questions with two candidates that read the same", 1, || message);
                    return false;
                }
                Duplicates::Error => {
                    failure = Some(Failure::input(message).at(&parallel[at].place).hint(
                        "`duplicates = \"merge\"` makes one of the two, \"drop\" leaves the question out",
                    ));
                    return false;
                }
            }
        }
        let fewest = parallel.iter().map(|placed| placed.row.choices.len()).min().unwrap_or_default();
        if fewest < spec.min_candidates {
            drops.count("questions with too few candidates", 1, || format!("question `{id}` has {fewest}"));
            return false;
        }
        if let Some(seed) = spec.shuffle {
            shuffle(parallel, id, seed);
        }
        true
    });
    failure.map_or(Ok(kept), Err)
}

/// How a candidate reads, case and blanks aside.
fn reading(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// For each candidate the first one that reads the same in the same language.
fn firsts(choices: &[String]) -> Vec<usize> {
    let readings: Vec<String> = choices.iter().map(|choice| reading(choice)).collect();
    let first = |at: usize| readings.iter().position(|known| *known == readings[at]).unwrap_or(at);
    (0..readings.len()).map(first).collect()
}

/// The first version with two candidates that read the same, and how.
fn duplicate(parallel: &Parallel) -> Option<(usize, String)> {
    parallel.iter().enumerate().find_map(|(index, placed)| {
        let firsts = firsts(&placed.row.choices);
        let again = (0..firsts.len()).find(|at| firsts[*at] != *at)?;
        let row = &placed.row;
        Some((
            index,
            format!(
                "question `{}` has the candidate `{}` twice in `{}`",
                row.id,
                row.choices[again].trim(),
                row.lang
            ),
        ))
    })
}

/// Makes one candidate of those that read the same in any language, in all languages.
fn merge(parallel: &mut Parallel) {
    let size = parallel.iter().map(|placed| placed.row.choices.len()).min().unwrap_or_default();
    let mut target: Vec<usize> = (0..size).collect();
    for placed in parallel.iter() {
        for (at, first) in firsts(&placed.row.choices).into_iter().enumerate().take(size) {
            let (low, high) = (target[first].min(target[at]), target[first].max(target[at]));
            for known in &mut target {
                if *known == high {
                    *known = low;
                }
            }
        }
    }
    let stays: Vec<usize> = (0..size).filter(|at| target[*at] == *at).collect();
    let pick =
        |texts: &[String]| -> Vec<String> { stays.iter().filter_map(|at| texts.get(*at)).cloned().collect() };
    for placed in parallel.iter_mut() {
        let row = &mut placed.row;
        row.choices = pick(&row.choices);
        row.choice_ids = pick(&row.choice_ids);
        placed.bare = pick(&placed.bare);
        row.answer = row.answer.and_then(|answer| {
            let target = *target.get(answer)?;
            stays.iter().position(|at| *at == target)
        });
    }
}

/// Puts the candidates into an order drawn for the question.
fn shuffle(parallel: &mut Parallel, id: &str, seed: u64) {
    for placed in parallel.iter_mut() {
        let row = &mut placed.row;
        let mut order: Vec<usize> = (0..row.choices.len()).collect();
        Draws::new(seed, id, 0).shuffle(&mut order);
        let pick = |texts: &[String]| -> Vec<String> {
            order.iter().filter_map(|at| texts.get(*at)).cloned().collect()
        };
        row.choices = pick(&row.choices);
        row.choice_ids = pick(&row.choice_ids);
        placed.bare = pick(&placed.bare);
        row.answer = row.answer.and_then(|answer| order.iter().position(|at| *at == answer));
    }
}
