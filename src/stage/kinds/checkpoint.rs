//! `checkpoint`: a model that somebody else trained, from a Hugging Face folder.
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The folder with `config.json`, `model.safetensors` (or shards and their index) and `tokenizer.json`. Relative
    /// paths start at the recipe's folder. The folder enters the key by the content of its files; its weights are not copied,
    /// so it must stay where it is.
    #[serde(skip_serializing)]
    pub path: PathBuf,
}

impl Kind for Checkpoint {
    const NAME: &'static str = "checkpoint";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a trained model from a Hugging Face folder";
    const SECTION: Section = Section::Model;
    type Spec = Spec;

    fn ports(spec: &Spec) -> Ports {
        Ports::default().opens("path", &spec.path).writes("model", MODEL)
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        if spec.path.as_os_str().is_empty() {
            let hint = "name the folder with `config.json`, the weights and `tokenizer.json`";
            return vec![Problem::new("path", "names no folder: it is empty", hint)];
        }
        Vec::new()
    }

    fn run(cx: &Context<'_>, _: &Spec) -> Result<(), Failure> {
        let files = ModelFiles::in_folder(cx.file("path"))?;
        let network = arch::open(&Json::Object(files.config()?))
            .map_err(|failure| failure.at(format!("`{}`", cx.file("path").display())))?;
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
