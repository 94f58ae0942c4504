//! What a decoder computes, in both modes of its forward pass.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use chorale::{
    decode::{generate::CachedModel, load::Decoder, slots::Slots},
    dims,
    graph::{Graph, export},
    model::{
        arch::Mode,
        parameter::Initializers,
        row::{Row, RowTensors},
    },
    runtime::{Session, SessionOptions},
    tensor::DType,
};

use crate::runtime::runtime;

/// Logits of whole rows, `[B,T,V]`.
pub(super) fn row_session(decoder: &Decoder) -> Session {
    let mut g = Graph::new();
    let shape = dims!["batch", "tokens"];
    let tokens = g.input("tokens", DType::I64, &shape);
    let positions = g.input("positions", DType::I64, &shape);
    let segments = g.input("segments", DType::I64, &shape);
    let mut weights = Initializers::new(decoder.dtype);
    let forward = decoder.network.forward(&mut g, &mut weights, tokens, &Mode::Rows { positions, segments });
    let logits = decoder.network.head(&mut g, &mut weights, forward.hidden);
    g.output("logits", logits);
    let onnx = export::model(&g, &export::Description::default(), &BTreeMap::new());
    runtime().session_sharing(&onnx, &decoder.weights, &SessionOptions::default()).unwrap()
}

pub(super) fn row_logits(session: &mut Session, rows: &[&Row], length: usize) -> Vec<f32> {
    let batch = RowTensors::new(rows, length, 0);
    let inputs = [("tokens", &batch.tokens), ("positions", &batch.positions), ("segments", &batch.segments)];
    session.run(&inputs).unwrap()["logits"].as_f32().unwrap().to_vec()
}

/// Logits after every token of one text, by a session of [`row_session`].
pub(super) fn text_logits(session: &mut Session, text: &[u32]) -> Vec<f32> {
    row_logits(session, &[&Row::new(text, &[[0_u32; 0]; 0])], text.len())
}

/// The `count` most probable tokens after `prompt`, one after another, through a cache: in the second of two slots, the
/// first of which holds something else.
pub(super) fn greedy(decoder: &Decoder, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut slots = Slots::new(runtime(), decoder, 2, 64).unwrap();
    let logits = slots.prefill(prompt).unwrap();
    slots.place(1).unwrap();
    let mut text = vec![best(&logits)];
    while text.len() < count {
        let position = prompt.len() + text.len() - 1;
        slots.step(&[0, *text.last().unwrap()], &[0, position]).unwrap();
        slots.with_logits(&mut |logits| text.push(best(&logits[logits.len() / 2..])));
    }
    text
}

fn best(logits: &[f32]) -> u32 {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap() as u32
}
