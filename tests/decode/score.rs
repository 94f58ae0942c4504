//! Scores of rows do not depend on the rows beside them.
#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::{
    decode::score::{RowScores, Scope, Scorer},
    failure::Failure,
    model::row::Row,
};

use crate::{model::tiny, runtime::runtime};

/// All scores, in the order of the rows.
pub(crate) fn all(scorer: &mut Scorer, rows: &[Row], scope: Scope, batch_tokens: usize) -> Vec<RowScores> {
    let mut scores = vec![None; rows.len()];
    let mut keep = |index: usize, found: RowScores| {
        assert!(scores[index].replace(found).is_none(), "row {index} is scored twice");
        Ok(())
    };
    scorer.score(rows, scope, batch_tokens, &mut keep).unwrap();
    scores.into_iter().map(Option::unwrap).collect()
}

fn rows() -> Vec<Row> {
    let branch = |index: usize, number: usize| {
        tiny::tokens(&format!("{index}-{number}"), 1 + (index + number) % 5, 300)
    };
    (0..20)
        .map(|index| {
            let prompt = tiny::tokens(&format!("prompt-{index}"), index % 7 + usize::from(index != 7), 300);
            Row::new(&prompt, &(0..=index % 4).map(|number| branch(index, number)).collect::<Vec<_>>())
        })
        .collect()
}

#[test]
fn scores_have_the_same_bits_whatever_the_batch() {
    let decoder = tiny::random(runtime(), 16);
    let mut scorer = Scorer::new(runtime(), &decoder).unwrap();
    let rows = rows();
    let expected = all(&mut scorer, &rows, Scope::Everything, 4096);
    for batch_tokens in [1, 64, 200] {
        assert_eq!(all(&mut scorer, &rows, Scope::Everything, batch_tokens), expected, "{batch_tokens}");
    }
    let branches = all(&mut scorer, &rows[5..9], Scope::Branches, 4096);
    for (scores, expected) in branches.iter().zip(&expected[5..9]) {
        assert_eq!((&scores.branches, scores.prompt.len()), (&expected.branches, 0));
    }
}

#[test]
fn log_probabilities_of_all_tokens_sum_to_one() {
    let decoder = tiny::random(runtime(), 16);
    let mut scorer = Scorer::new(runtime(), &decoder).unwrap();
    let every_token: Vec<[u32; 1]> = (0..300).map(|token| [token]).collect();
    let row = Row::new(&[5, 9], &every_token);
    let scores = all(&mut scorer, &[row], Scope::Branches, 4096);
    let total: f64 = scores[0].branches.iter().map(|branch| f64::from(branch[0]).exp()).sum();
    assert!((total - 1.0).abs() < 1e-5, "{total}");
}

#[test]
fn a_listener_can_stop_the_work() {
    let decoder = tiny::random(runtime(), 16);
    let mut scorer = Scorer::new(runtime(), &decoder).unwrap();
    let failure =
        scorer.score(&rows(), Scope::Branches, 1, &mut |_, _| Err(Failure::cancelled())).unwrap_err();
    assert_eq!(failure, Failure::cancelled());
}
