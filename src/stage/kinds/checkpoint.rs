//! `checkpoint`: a model that somebody else trained, from a Hugging Face folder or hub.
//!
//! The folder is checked as a whole once: config, header of every weight file, index, every number. Its weights are not
//! copied; the model that comes out refers to them where they lie.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    artifact::MODEL,
    checkpoint::{
        folder::{self, CONFIG, INDEX, ModelFiles},
        stored::StoredWeights,
    },
    failure::Failure,
    hub::{Model, Repository, Revision},
    model::arch,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
    token::Tokenizer,
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
        let network = arch::open(&Json::Object(files.config()?))
            .map_err(|failure| failure.at(format!("`{}`", cx.file(spec.source()).display())))?;
        let stored = StoredWeights::open(&files)?;
        arch::check(&*network, &stored)?;
        stored.check_finite()?;
        let tokenizer = Tokenizer::open(&files)?;
        let (tokens, rows) = (tokenizer.vocabulary_size(), network.sizes().vocabulary);
        if tokens > rows {
            return Err(Failure::input(format!(
                "the tokenizer has {tokens} tokens, but the model only {rows} embeddings"
            )));
        }
        let folder = cx.create_folder("model")?;
        files.copy(CONFIG, &folder)?;
        let weights = files.weight_files()?;
        weights.iter().try_for_each(|name| folder::refer(&files, name, &folder))?;
        if files.get(INDEX).is_some() {
            files.copy(INDEX, &folder)?;
        }
        files.copy_companions(&folder)
    }
}
