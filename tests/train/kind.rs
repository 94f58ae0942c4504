//! The stage kind: from rows to a model folder, an adapter, step reports and an exported graph.
#![expect(clippy::unwrap_used, reason = "tests")]

mod chat;
mod consistency;

use std::{collections::BTreeMap, path::Path};

use chorale::{
    artifact::{
        ADAPTER, Artifact, MODEL, TOKENIZER,
        row::{
            Row, completion::Completion, log_probability::PairLogProbability, pair::Pair, text::Text,
            training_step::TrainingStep,
        },
        table::{self, RowWriter},
    },
    checkpoint::folder::ModelFiles,
    failure::Failure,
    stage::{
        contract::Kind,
        kinds::{checkpoint::Checkpoint, decoder, score::Score, train::Train},
    },
    token::training,
};

use crate::support::stage;

/// A folder with a tokenizer, a random decoder, texts and pairs.
struct World {
    dir: tempfile::TempDir,
    model: Artifact,
    texts: Artifact,
    pairs: Artifact,
}

const CAPITALS: [(&str, &str); 6] = [
    ("France", " Paris"),
    ("Japan", " Tokyo"),
    ("Kenya", " Nairobi"),
    ("Peru", " Lima"),
    ("Norway", " Oslo"),
    ("Cuba", " Havana"),
];

fn write_rows<R: Row>(path: &Path, rows: &[R]) -> Artifact {
    let mut writer = RowWriter::create(path).unwrap();
    for row in rows {
        writer.write(row).unwrap();
    }
    writer.finish().unwrap();
    stage::artifact(path, R::KIND)
}

fn question(country: &str) -> String {
    format!("The capital of {country} is")
}

fn spec<K: Kind>(toml: &str) -> K::Spec {
    toml::from_str(toml).unwrap()
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let texts: Vec<Text> = CAPITALS
            .iter()
            .map(|(country, capital)| Text {
                id: (*country).to_owned(),
                lang: "en".to_owned(),
                text: question(country) + capital,
            })
            .collect();
        let pairs: Vec<Pair> = (CAPITALS.iter().zip(CAPITALS.iter().cycle().skip(1)))
            .map(|((country, right), (_, wrong))| Pair {
                id: (*country).to_owned(),
                lang: "en".to_owned(),
                prompt: question(country),
                chosen: (*right).to_owned(),
                rejected: (*wrong).to_owned(),
                ..Pair::default()
            })
            .collect();
        let folder = dir.path().join("tokenizer");
        std::fs::create_dir(&folder).unwrap();
        let special = |token: &str| token.to_owned();
        let (begin, end, pad) = (special("<s>"), special("</s>"), special("<pad>"));
        let training = training::Training { vocabulary_size: 300, min_frequency: 2, begin, end, pad };
        training::train(&folder, texts.iter().map(|text| text.text.as_str()), &training).unwrap();
        let tokenizer = stage::artifact(&folder, TOKENIZER);
        let settings = "tokenizer = \"t\"\nhidden_size = 32\nlayers = 2\nheads = 4\nkey_value_heads = 2\n\
                        feed_forward_size = 48\ncontext = 64";
        let made = stage::run::<decoder::Decoder>(
            &dir.path().join("decoder"),
            &spec::<decoder::Decoder>(settings),
            &[("tokenizer", &tokenizer)],
            &[],
        );
        let model = made.unwrap().outputs["model"].clone();
        let texts = write_rows(&dir.path().join("texts"), &texts);
        let pairs = write_rows(&dir.path().join("pairs"), &pairs);
        Self { dir, model, texts, pairs }
    }

    fn train(
        &self,
        name: &str,
        settings: &str,
        inputs: &[(&str, &Artifact)],
    ) -> Result<stage::Outcome, Failure> {
        let settings = spec::<Train>(&format!("model = \"m\"\n{settings}"));
        stage::run::<Train>(&self.dir.path().join(name), &settings, inputs, &[])
    }

    fn score(&self, name: &str, settings: &str, model: &Artifact) -> Artifact {
        let settings = spec::<Score>(&format!("model = \"m\"\npairs = \"p\"\n{settings}"));
        let inputs = [("model", model), ("pairs", &self.pairs)];
        let outcome = stage::run::<Score>(&self.dir.path().join(name), &settings, &inputs, &[]).unwrap();
        let outputs = outcome.outputs.into_values();
        outputs.into_iter().find(|output| output.kind == PairLogProbability::KIND).unwrap()
    }
}

fn steps(outcome: &stage::Outcome) -> Vec<TrainingStep> {
    table::read(&outcome.outputs["steps"].files[Artifact::SINGLE]).unwrap()
}

const DPO: &str = "objective = \"dpo\"\npairs = \"p\"\nreference = \"r\"\nbatch_size = 6\nepochs = 10\n\
                   learning_rate = 5e-3\nschedule = \"constant\"\n";
const LORA: &str = "[lora]\nrank = 4\nalpha = 8\ntargets = [\"all-linear\"]\n";

#[test]
fn a_model_learns_texts_and_then_preferences() {
    let world = World::new();
    let lm = "objective = \"lm\"\ntexts = \"t\"\nepochs = 12\nbatch_size = 4\nlearning_rate = 1e-2\n\
              schedule = \"cosine\"\nwarmup_ratio = 0.1";
    let base = world.train("lm", lm, &[("model", &world.model), ("texts", &world.texts)]).unwrap();
    let learned = steps(&base);
    assert_eq!(learned.len(), 24);
    assert_eq!((learned[23].step, learned[23].epoch, learned[0].learning_rate), (24, 12.0, 0.0));
    assert!(learned[23].loss < learned[0].loss * 0.5, "{} {}", learned[0].loss, learned[23].loss);
    let accuracy = |step: &TrainingStep| step.metrics["mean_token_accuracy"];
    assert!(accuracy(&learned[0]) < 0.2 && accuracy(&learned[23]) > 0.4, "{:?}", learned[23].metrics);
    let tokens = |step: &TrainingStep| step.metrics["num_tokens"];
    assert_eq!(tokens(&learned[3]), 2.0 * tokens(&learned[1]), "two epochs see every token twice");
    let base = base.outputs["model"].clone();
    for companion in ["tokenizer.json", "tokenizer_config.json", "config.json"] {
        let read = |artifact: &Artifact| std::fs::read(&artifact.files[companion]).unwrap();
        assert_eq!(read(&base), read(&world.model), "{companion}");
    }

    let reference = world.score("reference", "", &base);
    let inputs = [("model", &base), ("pairs", &world.pairs), ("reference", &reference)];
    let outcome = world.train("dpo", &format!("{DPO}{LORA}"), &inputs).unwrap();
    let learned = steps(&outcome);
    // Policy and reference are the same model at first: scoring and training agree on every token, ends included.
    assert!((learned[0].loss - std::f64::consts::LN_2).abs() < 1e-5, "{}", learned[0].loss);
    assert!(learned[0].metrics["rewards/margins"].abs() < 1e-5);
    let last = learned.last().unwrap();
    assert!(last.metrics["rewards/margins"] > 0.05, "{:?}", last.metrics);
    assert_eq!(outcome.outputs["adapter"].kind, ADAPTER);
    assert!(outcome.outputs["adapter"].files.contains_key("adapter_config.json"));

    // The merged folder is the model with its adapter: it scores as the adapted model did.
    let merged = outcome.outputs["model"].clone();
    assert_eq!(merged.kind, MODEL);
    let rows = |artifact: &Artifact| -> Vec<PairLogProbability> {
        table::read(&artifact.files[Artifact::SINGLE]).unwrap()
    };
    let (before, after) = (rows(&reference), rows(&world.score("after", "", &merged)));
    let gain = |b: &PairLogProbability, a: &PairLogProbability| {
        f64::from((a.chosen - b.chosen) - (a.rejected - b.rejected))
    };
    let margin = 0.1 * before.iter().zip(&after).map(|(b, a)| gain(b, a)).sum::<f64>() / before.len() as f64;
    assert!(margin > last.metrics["rewards/margins"] * 0.5, "{margin}");
}

#[test]
fn sft_on_pairs_is_sft_on_their_chosen_sides() {
    let world = World::new();
    let pairs: Vec<Pair> = table::read(&world.pairs.files[Artifact::SINGLE]).unwrap();
    let chosen = |pair: &Pair| Completion {
        id: pair.id.clone(),
        lang: pair.lang.clone(),
        sample: 0,
        prompt: pair.prompt.clone(),
        completion: pair.chosen.clone(),
        finish: String::new(),
    };
    let completions: Vec<Completion> = pairs.iter().map(chosen).collect();
    let completions = write_rows(&world.dir.path().join("chosen"), &completions);
    let settings = |rows: &str| format!("objective = \"sft\"\n{rows} = \"rows\"\nepochs = 2\nbatch_size = 4");
    let model = ("model", &world.model);
    let of_pairs = world.train("pairs-sft", &settings("pairs"), &[model, ("pairs", &world.pairs)]).unwrap();
    let inputs = [model, ("completions", &completions)];
    let of_completions = world.train("completions-sft", &settings("completions"), &inputs).unwrap();
    assert_eq!(steps(&of_pairs), steps(&of_completions));
    let weights = |outcome: &stage::Outcome| {
        std::fs::read(&outcome.outputs["model"].files["model.safetensors"]).unwrap()
    };
    assert_eq!(weights(&of_pairs), weights(&of_completions));
}

#[test]
fn what_cannot_be_trained_on_is_said() {
    let world = World::new();
    let model = ("model", &world.model);
    let none = write_rows::<Pair>(&world.dir.path().join("none"), &[]);
    let empty = write_rows::<PairLogProbability>(&world.dir.path().join("empty"), &[]);
    let failure = world.train("a", DPO, &[model, ("pairs", &none), ("reference", &empty)]).unwrap_err();
    assert_eq!(failure.message, "`pairs` holds no rows: there is nothing to train on");

    let failure =
        world.train("b", DPO, &[model, ("pairs", &world.pairs), ("reference", &empty)]).unwrap_err();
    assert_eq!(failure.message, "pair `France` has no reference log-probability");

    let short = world.score("short", "append_end = false", &world.model);
    let failure =
        world.train("c", DPO, &[model, ("pairs", &world.pairs), ("reference", &short)]).unwrap_err();
    assert!(
        failure.message.contains("pair `France`: the reference log-probability of `chosen` covers"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("append_end"));

    let cut = world.score("cut-prompts", "max_prompt_length = 3", &world.model);
    let failure = world.train("e", DPO, &[model, ("pairs", &world.pairs), ("reference", &cut)]).unwrap_err();
    assert!(
        failure.message.contains("its reference log-probability follows 3 tokens of the prompt, training"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("max_prompt_length"));

    let lm = "objective = \"lm\"\ntexts = \"t\"\n[lora]\ntargets = [\"w_q\"]";
    let failure = world.train("d", lm, &[model, ("texts", &world.texts)]).unwrap_err();
    assert!(
        failure.message.contains("`w_q`") && failure.hint.unwrap().contains("q_proj"),
        "{}",
        failure.message
    );
}

#[test]
fn a_model_of_an_unknown_architecture_trains_through_its_own_graph() {
    let world = World::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/foreign");
    let folder = world.dir.path().join("foreign");
    std::fs::create_dir(&folder).unwrap();
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(&world.model.files[file], folder.join(file)).unwrap();
    }
    std::fs::copy(golden.join("model.safetensors"), folder.join("model.safetensors")).unwrap();
    let config = r#"{"model_type": "relu-decoder", "vocab_size": 300, "max_position_embeddings": 64}"#;
    std::fs::write(folder.join("config.json"), config).unwrap();
    let run = |graph: &Path| {
        let settings = format!("path = {folder:?}\ntraining_graph = {graph:?}");
        let files = [("path", folder.as_path()), ("training_graph", graph)];
        let target = world.dir.path().join("checkpoint");
        stage::run::<Checkpoint>(&target, &spec::<Checkpoint>(&settings), &[], &files)
    };
    let failure = run(&folder.join("config.json")).unwrap_err();
    assert!(failure.message.contains("the training graph breaks the contract"), "{failure}");
    let model = run(&golden.join("decoder.onnx")).unwrap().outputs["model"].clone();
    assert!(model.files.contains_key("training_graph.onnx"));

    let lm = "objective = \"lm\"\ntexts = \"t\"\nepochs = 6\nbatch_size = 3\nlearning_rate = 1e-2\n";
    let inputs = [("model", &model), ("texts", &world.texts)];
    let outcome = world.train("foreign-lm", lm, &inputs).unwrap();
    let learned = steps(&outcome);
    assert!(learned[11].loss < learned[0].loss * 0.95, "{} {}", learned[0].loss, learned[11].loss);
    let trained = &outcome.outputs["model"];
    assert!(trained.files.contains_key("training_graph.onnx"), "it can be trained further");
    let tensors = |artifact: &Artifact| ModelFiles::of(artifact).weights().unwrap();
    let (before, after) = (tensors(&model), tensors(trained));
    assert!(before.keys().eq(after.keys()));
    assert_ne!(before["tokens.weight"], after["tokens.weight"]);
    let failure = world.train("foreign-lora", &format!("{lm}{LORA}"), &inputs).unwrap_err();
    assert_eq!(failure.message, "`lora` does not go with the model's own training graph");
}

#[test]
fn long_rows_are_cut_and_counted() {
    let world = World::new();
    let settings = "objective = \"lm\"\ntexts = \"t\"\nsteps = 1\nmax_length = 4";
    let outcome = world.train("cut", settings, &[("model", &world.model), ("texts", &world.texts)]).unwrap();
    assert_eq!(outcome.notes, ["6 of 6 examples lost their end (at most 4 tokens in all)"]);
    assert_eq!(steps(&outcome).len(), 1);
}

#[test]
fn the_training_graph_is_exported_with_weights_and_a_description() {
    let world = World::new();
    let settings = spec::<Train>(&format!("model = \"m\"\n{DPO}{LORA}"));
    let folder = world.dir.path().join("export");
    std::fs::create_dir(&folder).unwrap();
    let inputs = BTreeMap::from([("model".to_owned(), world.model.clone())]);
    let files = Train::export(&settings, &inputs, &folder, "dpo").unwrap();
    let names: Vec<&str> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["dpo.onnx", "dpo.safetensors", "dpo.md"]);
    let text = std::fs::read_to_string(&files[2]).unwrap();
    for line in [
        "| `trainable` | `f32[",
        "| `chosen.members` | `f32[examples,selected]` |",
        "| `rewards/margins` | `f32[]` |",
        "| `model.layers.1.mlp.down_proj.lora_B.weight` | [32, 4] |",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    // The graph file alone is small: weights lie beside it.
    assert!(std::fs::metadata(&files[0]).unwrap().len() < 200_000);
    assert!(ModelFiles::in_folder(&folder).unwrap().get("dpo.safetensors").is_some());
}
