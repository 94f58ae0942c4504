//! `checkpoint`: a model that somebody else trained, from a Hugging Face folder or hub.
//!
//! The folder is checked as a whole once: config, header of every weight file, index, every number. Its weights are not
//! copied; the model that comes out refers to them where they lie. A training graph that another tool wrote may come
//! with it; then the architecture need not be known, because `train` runs that graph.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    artifact::MODEL,
    checkpoint::{
        folder::{self, CONFIG, INDEX, ModelFiles},
        stored::StoredWeights,
    },
    failure::{Cause, Failure},
    hub::{Model, Repository, Revision},
    model::arch,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
    token::Tokenizer,
    train::foreign,
};

/// Takes in a Hugging Face folder.
#[derive(Debug)]
pub enum Checkpoint {}

/// Settings of `checkpoint`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The folder with `config.json`, `model.safetensors` (or shards and their index) and `tokenizer.json`; or `hf`. Relative
    /// paths start at the recipe's folder. The folder enters the key by the content of its files; its weights are not copied,
    /// so it must stay where it is.
    #[serde(default, skip_serializing)]
    pub path: Option<PathBuf>,
    /// The model on the Hugging Face hub, such as `org/name`; or `path`. `run` fetches its files into the cache of the
    /// Hugging Face tools and pins them in the lock file beside the recipe.
    #[serde(default, skip_serializing)]
    pub hf: Option<Repository>,
    /// The commit, branch or tag of `hf`; `main` by default. What a branch meant at the first run is kept by the lock file.
    #[serde(default, skip_serializing)]
    pub revision: Option<Revision>,
    /// An ONNX file with the model's training graph, which another tool wrote; `chorale graph contract` says what it must
    /// keep. `train` then runs it, and the model may be of an architecture that chorale does not have.
    #[serde(default, skip_serializing)]
    pub training_graph: Option<PathBuf>,
}

impl Spec {
    /// The setting that says where the model is.
    fn source(&self) -> &'static str {
        if self.hf.is_some() { "hf" } else { "path" }
    }
}

impl Kind for Checkpoint {
    const NAME: &'static str = "checkpoint";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a trained model from a Hugging Face folder or hub";
    const SECTION: Section = Section::Model;
    type Spec = Spec;

    fn ports(spec: &Spec) -> Ports {
        let ports = Ports::default().writes("model", MODEL);
        let ports = match &spec.training_graph {
            Some(file) => ports.opens("training_graph", file),
            None => ports,
        };
        match (&spec.hf, &spec.path) {
            (Some(repository), _) => {
                let revision = spec.revision.clone().unwrap_or_else(Revision::main);
                ports.fetches("hf", Model { repository: repository.clone(), revision })
            }
            (None, Some(path)) => ports.opens("path", path),
            (None, None) => ports,
        }
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        let hint = "name the folder with `config.json`, the weights and `tokenizer.json`";
        let mut problems = Vec::new();
        match (&spec.path, &spec.hf) {
            (None, None) => {
                let hint = "`path = \"FOLDER\"`, or `hf = \"ORG/NAME\"` for a model on the hub";
                problems.push(Problem::new("path", "neither `path` nor `hf` is given", hint));
            }
            (Some(_), Some(_)) => {
                let message = "both `path` and `hf` are given";
                problems.push(Problem::new("hf", message, "a model comes from one place"));
            }
            (Some(path), None) if path.as_os_str().is_empty() => {
                problems.push(Problem::new("path", "names no folder: it is empty", hint));
            }
            _ => {}
        }
        if spec.revision.is_some() && spec.hf.is_none() {
            let hint = "leave it out: the folder's files are what they are";
            problems.push(Problem::new("revision", "belongs to `hf`", hint));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &Spec) -> Result<(), Failure> {
        let files = ModelFiles::in_folder(cx.file(spec.source()))?;
        let stored = StoredWeights::open(&files)?;
        let graph = spec.training_graph.as_ref().map(|_| cx.file("training_graph"));
        match graph {
            None => check_network(cx.file(spec.source()), &files, &stored)?,
            Some(graph) => foreign::check_file(graph)?,
        }
        stored.check_finite()?;
        let folder = cx.create_folder("model")?;
        if let Some(graph) = graph {
            let target = folder.join(foreign::FILE);
            std::fs::copy(graph, &target)
                .map_err(|error| Failure::io(Cause::Store, "write", &target, &error))?;
        }
        files.copy(CONFIG, &folder)?;
        let weights = files.weight_files()?;
        weights.iter().try_for_each(|name| folder::refer(&files, name, &folder))?;
        if files.get(INDEX).is_some() {
            files.copy(INDEX, &folder)?;
        }
        files.copy_companions(&folder)
    }
}

/// Checks that config, weights and tokenizer belong to one network that chorale knows.
fn check_network(folder: &Path, files: &ModelFiles, stored: &StoredWeights) -> Result<(), Failure> {
    let config = Json::Object(files.config()?);
    let place = |failure: Failure| failure.at(format!("`{}`", folder.display()));
    let gives_vectors = config
        .get("model_type")
        .and_then(Json::as_str)
        .is_some_and(|named| arch::ENCODERS.iter().any(|row| row.model_type == named));
    let rows = if gives_vectors {
        let encoder =
            arch::encoder(&config).and_then(|encoder| encoder.located(stored.names())).map_err(place)?;
        let parameters = encoder.parameters();
        let wanted = parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()));
        stored.check(wanted, |name| encoder.leaves_aside(name))?;
        encoder.config.vocabulary
    } else {
        let network = arch::open(&config).map_err(place)?;
        arch::check(&*network, stored)?;
        network.sizes().vocabulary
    };
    let tokens = Tokenizer::open(files)?.vocabulary_size();
    if tokens > rows {
        return Err(Failure::input(format!(
            "the tokenizer has {tokens} tokens, but the model only {rows} embeddings"
        )));
    }
    Ok(())
}
