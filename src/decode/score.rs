//! Log-probabilities of given tokens: of both sides of a pair, of all candidates of a question, in one forward pass.
//!
//! Rows are [`Row`]s: branches share their prompt, which is computed once. The output head runs once per distinct
//! position: all candidates' first tokens are predicted by the prompt's last token, so ten candidates need that row of
//! logits once.
//!
//! # What a row's numbers depend on
//! On the row alone. Rows are padded to a multiple of [`LENGTH_STEP`] tokens and meet only rows of the same padded length in a
//! batch; so a row's shapes do not depend on the others, and neither, with kernels whose rows are independent
//! of each other, do its bits.

use std::collections::BTreeMap;

use super::load::{Decoder, Rows};
use crate::{
    dims,
    failure::{Failure, bug},
    graph::{
        Dim, Graph,
        export::{self, Description},
        op,
    },
    model::{
        arch::Mode,
        row::{Row, RowTensors},
    },
    runtime::{Runtime, Session, SessionOptions},
    tensor::{DType, Tensor},
};

/// Rows are padded to a multiple of this many tokens.
pub const LENGTH_STEP: usize = 8;

/// A batch computes at most this many logits at once (128 MiB in f32), whatever its number of tokens.
const MOST_LOGITS: usize = 1 << 25;

/// The log-probabilities (natural logarithm) of one row's tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowScores {
    /// Of the prompt's tokens but the first, if they were asked for.
    pub prompt: Vec<f32>,
    /// Of each branch's tokens. Without a prompt the first token of a branch has none.
    pub branches: Vec<Vec<f32>>,
}

/// Which tokens get a log-probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the branches.
    Branches,
    /// Those of the prompt as well.
    Everything,
}

/// A decoder in a session that scores rows.
#[derive(Debug)]
pub struct Scorer {
    session: Session,
    vocabulary: usize,
    positions: usize,
}

impl Scorer {
    /// Sets up the session.
    pub fn new(runtime: &Runtime, decoder: &Decoder) -> Result<Self, Failure> {
        let sizes = decoder.network.sizes();
        let options = SessionOptions { memory_pattern: false, ..SessionOptions::default() };
        let onnx = score_graph(decoder);
        let session = runtime.session_sharing(&onnx, &decoder.weights, &options)?;
        Ok(Self { session, vocabulary: sizes.vocabulary, positions: sizes.positions })
    }

    /// The longest text that a row may hold, in tokens.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Scores rows, about `batch_tokens` tokens at a time. `done` hears the position of every row with its scores, batch
    /// by batch, shortest rows first; an error from it stops the work.
    pub fn score(
        &mut self,
        rows: &[Row],
        scope: Scope,
        batch_tokens: usize,
        done: &mut dyn FnMut(usize, RowScores) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for batch in self.batches(rows, scope, batch_tokens) {
            let members: Vec<&Row> = batch.rows.iter().map(|index| &rows[*index]).collect();
            for (index, scores) in batch.rows.iter().zip(self.run(&members, scope, batch.length)?) {
                done(*index, scores)?;
            }
        }
        Ok(())
    }

    /// Rows of one padded length side by side, in the order of rows within a length.
    fn batches(&self, rows: &[Row], scope: Scope, batch_tokens: usize) -> Vec<Batch> {
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_length.entry(row.len().max(1).next_multiple_of(LENGTH_STEP)).or_default().push(index);
        }
        let mut batches = Vec::new();
        for (length, members) in by_length {
            let mut batch = Batch { length, rows: Vec::new() };
            let mut predictions = 0;
            for index in members {
                let more = picks(&rows[index], scope).count();
                let tokens = (batch.rows.len() + 1) * length;
                let full = tokens > batch_tokens || (predictions + more) * self.vocabulary > MOST_LOGITS;
                if full && !batch.rows.is_empty() {
                    batches.push(std::mem::replace(&mut batch, Batch { length, rows: Vec::new() }));
                    predictions = 0;
                }
                batch.rows.push(index);
                predictions += more;
            }
            batches.push(batch);
        }
        batches
    }

    fn run(&mut self, rows: &[&Row], scope: Scope, length: usize) -> Result<Vec<RowScores>, Failure> {
        let mut selected: Vec<i64> = Vec::new();
        let mut picked: Vec<i64> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            // A row of logits serves all tokens that it predicts.
            let mut places: BTreeMap<usize, i64> = BTreeMap::new();
            for (source, target) in picks(row, scope) {
                let place = *places.entry(source).or_insert_with(|| {
                    selected.push((index * length + source) as i64);
                    selected.len() as i64 - 1
                });
                picked.push(place * self.vocabulary as i64 + i64::from(row.tokens[target]));
            }
        }
        let mut values = if picked.is_empty() {
            Vec::new()
        } else {
            let tensors = RowTensors::new(rows, length, 0);
            let vector = |values: Vec<i64>| {
                Tensor::i64(&[values.len()], values).unwrap_or_else(|| bug("a vector of the wrong size"))
            };
            let outputs = self.session.run(&[
                ("tokens", &tensors.tokens),
                ("positions", &tensors.positions),
                ("segments", &tensors.segments),
                ("selected", &vector(selected)),
                ("picked", &vector(picked)),
            ])?;
            let found = outputs.get("log_probabilities").and_then(Tensor::as_f32);
            found.unwrap_or_else(|| bug("the score graph has another output")).to_vec()
        }
        .into_iter();
        let mut take = |count: usize| values.by_ref().take(count).collect::<Vec<f32>>();
        let scores = rows.iter().map(|row| RowScores {
            prompt: take(if scope == Scope::Everything { row.prompt_predictions().count() } else { 0 }),
            branches: (0..row.branches.len()).map(|branch| take(row.predictions(branch).count())).collect(),
        });
        Ok(scores.collect())
    }
}

struct Batch {
    length: usize,
    rows: Vec<usize>,
}

/// All predictions of a row that count, as (position that predicts, position that is predicted).
fn picks(row: &Row, scope: Scope) -> impl Iterator<Item = (usize, usize)> {
    let prompt = row.prompt_predictions().filter(move |_| scope == Scope::Everything);
    prompt.chain((0..row.branches.len()).flat_map(|branch| row.predictions(branch)))
}

/// Rows in, log-probabilities out. `selected [M]` are flat positions `row * T + token` whose next token is of interest,
/// `picked [N]` flat positions `selected * V + token` among their log-probabilities.
fn score_graph(decoder: &Decoder) -> Vec<u8> {
    let network = &decoder.network;
    let mut g = Graph::new();
    let shape = dims!["batch", "tokens"];
    let tokens = g.input("tokens", DType::I64, &shape);
    let positions = g.input("positions", DType::I64, &shape);
    let segments = g.input("segments", DType::I64, &shape);
    let selected = g.input("selected", DType::I64, &dims!["selected"]);
    let picked = g.input("picked", DType::I64, &dims!["picked"]);
    let mut weights = decoder.parameters(&mut g, Rows::Many);
    let forward = network.forward(&mut g, &mut *weights, tokens, &Mode::Rows { positions, segments });
    let sizes = network.sizes();
    let flat = op::reshape(&mut g, forward.hidden, &[Dim::product(&shape), Dim::known(sizes.width)]);
    let hidden = op::gather(&mut g, flat, selected, 0); // [B*T,D] -> [M,D]
    let logits = network.head(&mut g, &mut *weights, hidden);
    let logits = op::cast(&mut g, logits, DType::F32);
    let log_probabilities = op::log_softmax(&mut g, logits, -1); // [M,V]
    let all = Dim::symbol("selected").times(&Dim::known(sizes.vocabulary));
    let flat = op::reshape(&mut g, log_probabilities, &[all]);
    let found = op::gather(&mut g, flat, picked, 0); // [M*V] -> [N]
    g.output("log_probabilities", found);
    export::model(&g, &Description { name: "score".to_owned(), ..Description::default() }, &[].into())
}
