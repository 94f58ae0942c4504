//! Training graphs that another tool wrote (`tests/golden/foreign.py`): trained here as there, and refused if they break the
//! contract.

use std::path::PathBuf;

use chorale::{
    model::{loss, optim::adamw::AdamW},
    tensor::close::Tolerance,
    train::{self, Settings, example::Example, foreign},
};
use prost::Message;
use serde_json::Value as Json;

use super::{Deaf, assert_close, settings};

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/foreign").join(file)
}

fn graph() -> Vec<u8> {
    std::fs::read(path("decoder.onnx")).unwrap()
}

fn numbers(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn texts(batch: &Json) -> Vec<Example> {
    let ids = |text: &Json| text.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    let example = |text: &Json| Example {
        id: String::new(),
        prompt: Vec::new(),
        branches: vec![ids(text)],
        ..Example::default()
    };
    batch.as_array().unwrap().iter().map(example).collect()
}

#[test]
fn a_graph_from_pytorch_trains_as_in_pytorch() {
    let facts: Json = serde_json::from_str(&std::fs::read_to_string(path("steps.json")).unwrap()).unwrap();
    let weights = chorale::checkpoint::safetensors::read(&path("model.safetensors")).unwrap();
    let program = foreign::read(&graph(), loss::find("lm").unwrap()).unwrap();
    assert_eq!(program.layout.slots().len(), 28);
    let (first, frozen) = foreign::start(&program, &weights).unwrap();
    let optimizer = AdamW { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, max_grad_norm: 1.0 };
    let options = train::session_options();
    let runtime = crate::runtime::runtime();
    let mut stepper =
        train::step::Stepper::new(runtime, &program, frozen, &optimizer, false, &options).unwrap();
    let zeros = vec![0.0; first.len()];
    let state = train::state::State { step: 0, trainable: first, first: zeros.clone(), second: zeros };
    stepper.set(&state).unwrap();
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for (step, batch) in facts["batches"].as_array().unwrap().iter().enumerate() {
        let examples = texts(batch);
        let examples: Vec<&Example> = examples.iter().collect();
        let batch = train::batch::Batch::new(&examples, train::batch::Packing::On);
        assert!(batch.rows < examples.len(), "texts share rows in the foreign graph as well");
        let units = batch.scored();
        let reported = stepper.gradient(&[batch], units).unwrap();
        assert!((0.0..=1.0).contains(&reported.metrics["mean_token_accuracy"]));
        losses.push(reported.loss as f32);
        norms.push(stepper.update(&optimizer.rates(1e-2, step + 1)).unwrap() as f32);
    }
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < losses[0]);
    let most = Tolerance::Training.relative();
    assert_close("losses", &losses, &numbers(&facts["loss"]), most);
    assert_close("norms", &norms, &numbers(&facts["grad_norm"]), most);
}

#[test]
fn the_loop_journals_and_packs_a_foreign_graph_like_its_own() {
    let facts: Json = serde_json::from_str(&std::fs::read_to_string(path("steps.json")).unwrap()).unwrap();
    let examples: Vec<Example> = facts["batches"].as_array().unwrap().iter().flat_map(texts).collect();
    let weights = chorale::checkpoint::safetensors::read(&path("model.safetensors")).unwrap();
    let settings = Settings { batch_size: 4, epochs: 2.0, ..settings("lm") };
    let fit = || {
        let program = foreign::read(&graph(), settings.loss).unwrap();
        let (first, frozen) = foreign::start(&program, &weights).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let job =
            train::Job { program, first, frozen, examples: &examples, prompts: None, settings: &settings };
        train::fit_program(crate::runtime::runtime(), job, folder.path(), &Deaf).unwrap()
    };
    let (one, two) = (fit(), fit());
    assert_eq!(one.records, two.records);
    assert_eq!(one.records.len(), 20);
    assert!(one.records[19].loss < one.records[0].loss);
    assert!(one.records[19].metrics.contains_key("mean_token_accuracy"));
}

/// The parts of the format that the tests bend.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(int64, optional, tag = "1")]
    format: Option<i64>,
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    opsets: Vec<Opset>,
    #[prost(bytes = "vec", repeated, tag = "25")]
    functions: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Opset {
    #[prost(string, optional, tag = "1")]
    domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    version: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(bytes = "vec", repeated, tag = "1")]
    nodes: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    weights: Vec<Weight>,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<Named>,
    #[prost(message, repeated, tag = "12")]
    outputs: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Weight {
    #[prost(string, optional, tag = "8")]
    name: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "13")]
    elsewhere: Vec<Vec<u8>>,
    #[prost(int32, optional, tag = "14")]
    location: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    kind: Option<Vec<u8>>,
}

fn bent(bend: impl FnOnce(&mut Model, &mut Graph)) -> Vec<u8> {
    let mut model = Model::decode(&graph()[..]).unwrap();
    let mut graph = model.graph.take().unwrap();
    bend(&mut model, &mut graph);
    model.graph = Some(graph);
    model.encode_to_vec()
}

fn rename(values: &mut [Named], from: &str, to: &str) {
    let value = values.iter_mut().find(|value| value.name.as_deref() == Some(from)).unwrap();
    value.name = Some(to.to_owned());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    assert!(foreign::check(&graph(), Some(loss::find("lm").unwrap())).is_empty());
    let outside = Weight { name: Some("w".to_owned()), elsewhere: vec![Vec::new()], location: Some(1) };
    let bytes = bent(|model, graph| {
        model.format = Some(3);
        model.opsets[0].version = Some(11);
        model.functions.push(Vec::new());
        rename(&mut graph.inputs, "tokens", "token");
        rename(&mut graph.inputs, "trainable.norm.bias", "bias");
        rename(&mut graph.outputs, "loss", "lost");
        rename(&mut graph.outputs, "gradient.norm.weight", "gradient.norm");
        graph.inputs[5].kind = graph.inputs[0].kind.clone();
        graph.weights.push(outside);
    });
    let problems = foreign::check(&bytes, Some(loss::find("lm").unwrap()));
    let expected = [
        "its format is version 3, older than 4",
        "its operators are version 11, older than 13",
        "it has model functions: inline them (`onnx.inliner`)",
        "input `tokens` is missing",
        "input `units` is not f32 with 0 axes",
        "input `bias` has no meaning in the contract",
        "input `token` has no meaning in the contract, did you mean `tokens`?",
        "input `trainable.norm.weight` has no output `gradient.norm.weight`",
        "output `gradient.norm` belongs to no input `trainable.norm`",
        "output `gradient.norm.bias` belongs to no input `trainable.norm.bias`",
        "output `loss` is missing",
        "tensor `w` lies outside of the file: make it an input `frozen.w`",
    ];
    assert_eq!(problems, expected);
    let failure = foreign::read(&bytes, loss::find("lm").unwrap()).unwrap_err();
    assert!(failure.message.contains("input `tokens` is missing; "), "{failure}");
}

#[test]
fn an_objective_that_the_graph_cannot_serve_is_refused() {
    let problems = foreign::check(&graph(), Some(loss::find("dpo").unwrap()));
    let expected =
        ["objective `dpo` needs input `chosen.members`", "objective `dpo` needs input `rejected.members`"];
    assert_eq!(problems, expected);
}

#[test]
fn a_graph_without_segments_gets_a_row_for_every_text() {
    let bytes = bent(|_, graph| graph.inputs.retain(|input| input.name.as_deref() != Some("segments")));
    let program = foreign::read(&bytes, loss::find("lm").unwrap()).unwrap();
    assert!(!program.packs());
}

#[test]
fn no_bytes_make_the_checker_panic() {
    let whole = graph();
    for cut in (0..whole.len()).step_by(997) {
        foreign::check(&whole[..cut], None);
    }
    let mut damaged = whole.clone();
    for place in (0..whole.len()).step_by(101) {
        damaged[place] ^= 0x55;
        foreign::check(&damaged, Some(loss::find("sft").unwrap()));
    }
    assert_eq!(foreign::check(b"", None), ["it has no graph"]);
}

#[test]
fn a_model_without_the_tensors_is_refused() {
    let program = foreign::read(&graph(), loss::find("lm").unwrap()).unwrap();
    let mut weights = chorale::checkpoint::safetensors::read(&path("model.safetensors")).unwrap();
    let norm = weights.remove("norm.weight").unwrap();
    let failure = foreign::start(&program, &weights).unwrap_err();
    assert_eq!(
        failure.message,
        "the training graph wants tensor `norm.weight`, which the model does not have"
    );
    weights.insert("norm.weight".to_owned(), norm.clone());
    weights.insert("tokens.weight".to_owned(), norm);
    let failure = foreign::start(&program, &weights).unwrap_err();
    assert_eq!(
        failure.message,
        "tensor `tokens.weight` has extents [16], the training graph wants [300, 16]"
    );
}
