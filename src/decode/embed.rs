//! Vectors of texts: an encoder, pooling and normalisation in one session.
//!
//! As in [`super::score`], texts are padded to a multiple of [`LENGTH_STEP`] tokens and meet only texts of the same padded
//! length in a batch, so a text's vector does not depend on the others.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{load::computed_in, score::LENGTH_STEP};
use crate::{
    checkpoint::{folder::ModelFiles, stored::StoredWeights},
    dims,
    failure::{Failure, bug},
    graph::{
        Graph,
        export::{self, Description},
        op,
    },
    model::{
        arch::{
            self,
            encoder::{Encoder, Inputs},
        },
        layer::{self, Pooling},
        parameter::Initializers,
    },
    runtime::{Runtime, Session, SessionOptions, SharedWeights},
    tensor::{DType, Tensor},
};

/// How the vectors of tokens become the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How they become one.
    pub pooling: Pooling,
    /// Whether it is scaled to length 1.
    pub normalise: bool,
}

/// An encoder in a session.
#[derive(Debug)]
pub struct Embedder {
    session: Session,
    width: usize,
    vocabulary: usize,
    positions: usize,
}

impl Embedder {
    /// Opens the encoder that `files` are of. Tensors of heads and poolers of other tasks are left aside.
    pub fn open(runtime: &Runtime, files: &ModelFiles, settings: Settings) -> Result<Self, Failure> {
        let stored = StoredWeights::open(files)?;
        let encoder = arch::encoder(&Json::Object(files.config()?))?.located(stored.names())?;
        let parameters = encoder.parameters();
        let wanted = parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()));
        stored.check(wanted, |name| encoder.leaves_aside(name))?;
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let dtype = computed_in(runtime);
        let weights = SharedWeights::new(stored.read(&names, Some(dtype))?)?;
        let options = SessionOptions { memory_pattern: false, ..SessionOptions::default() };
        let session =
            runtime.session_sharing(&embedding_graph(&encoder, dtype, settings), &weights, &options)?;
        let config = &encoder.config;
        Ok(Self { session, width: config.width, vocabulary: config.vocabulary, positions: config.positions })
    }

    /// Elements of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The longest text, in tokens.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The vectors of texts, given as token ids with the special tokens that the encoder wants around them, in the order of
    /// the texts; about `batch_tokens` tokens at a time. A text without tokens, with too many, or with an id that is not in
    /// the vocabulary is an error.
    pub fn embed(&mut self, texts: &[Vec<u32>], batch_tokens: usize) -> Result<Vec<Vec<f32>>, Failure> {
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, text) in texts.iter().enumerate() {
            self.check(text).map_err(|failure| failure.at(format!("text {index}")))?;
            let length = text.len().next_multiple_of(LENGTH_STEP).min(self.positions);
            by_length.entry(length).or_default().push(index);
        }
        let mut vectors = vec![Vec::new(); texts.len()];
        for (length, members) in by_length {
            for batch in members.chunks((batch_tokens / length).max(1)) {
                let rows: Vec<&[u32]> = batch.iter().map(|index| texts[*index].as_slice()).collect();
                let values = self.run(&rows, length)?;
                for (index, vector) in batch.iter().zip(values.chunks_exact(self.width)) {
                    vectors[*index] = vector.to_vec();
                }
            }
        }
        Ok(vectors)
    }

    fn check(&self, text: &[u32]) -> Result<(), Failure> {
        if text.is_empty() {
            return Err(Failure::input("a text without tokens has no vector"));
        }
        if text.len() > self.positions {
            let message =
                format!("{} tokens are more than the encoder's {} positions", text.len(), self.positions);
            return Err(
                Failure::input(message).hint("cut the text, or choose an encoder with a longer context")
            );
        }
        match text.iter().find(|token| **token as usize >= self.vocabulary) {
            None => Ok(()),
            Some(token) => {
                let message = format!("token {token} is beyond the encoder's {} entries", self.vocabulary);
                Err(Failure::input(message).hint("the tokenizer is of another model"))
            }
        }
    }

    /// The vectors of texts side by side, each padded to `length` tokens.
    fn run(&mut self, rows: &[&[u32]], length: usize) -> Result<Vec<f32>, Failure> {
        let cell = |row: &&[u32], place: usize| row.get(place).map_or(0, |token| i64::from(*token));
        let tokens = rows.iter().flat_map(|row| (0..length).map(move |place| cell(row, place)));
        let mask = rows.iter().flat_map(|row| (0..length).map(move |place| i64::from(place < row.len())));
        let tensor = |values: Vec<i64>| {
            Tensor::i64(&[rows.len(), length], values).unwrap_or_else(|| bug("a batch of the wrong size"))
        };
        let (tokens, mask) = (tensor(tokens.collect()), tensor(mask.collect()));
        let outputs = self.session.run(&[("tokens", &tokens), ("mask", &mask)])?;
        let vectors = outputs.get("vectors").and_then(Tensor::as_f32);
        Ok(vectors.unwrap_or_else(|| bug("the embedding graph has another output")).to_vec())
    }
}

/// Tokens and mask in, a vector per row out.
fn embedding_graph(encoder: &Encoder, dtype: DType, settings: Settings) -> Vec<u8> {
    let mut g = Graph::new();
    let shape = dims!["batch", "tokens"];
    let tokens = g.input("tokens", DType::I64, &shape);
    let mask = g.input("mask", DType::I64, &shape);
    let types = op::constant_of_shape(&mut g, &shape, 0.0, DType::I64);
    let mut weights = Initializers::new(dtype);
    let hidden = encoder.forward(&mut g, &mut weights, &Inputs { tokens, mask, types });
    let mut vectors = layer::pool(&mut g, hidden, mask, settings.pooling);
    if settings.normalise {
        vectors = layer::normalise(&mut g, vectors);
    }
    g.output("vectors", vectors);
    export::model(&g, &Description { name: "embed".to_owned(), ..Description::default() }, &[].into())
}
