//! `checkpoint`: a model that somebody else trained, from a Hugging Face folder.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    artifact::MODEL,
    checkpoint::{
        folder::{CONFIG, INDEX, ModelFiles},
        safetensors,
    },
    failure::Failure,
    model::arch,
    stage::{
        context::Context,
        contract::{Kind, Section},
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
    /// paths start at the recipe's folder. The folder enters the key by the content of its files.
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

    fn run(cx: &Context<'_>, _: &Spec) -> Result<(), Failure> {
        let files = ModelFiles::in_folder(cx.file("path"))?;
        let fields = files.config()?;
        let network = arch::open(&serde_json::Value::Object(fields))
            .map_err(|failure| failure.at(format!("`{}`", cx.file("path").display())))?;
        let mut shapes = BTreeMap::new();
        for path in files.weight_files()? {
            shapes.extend(safetensors::shapes(path)?);
        }
        for parameter in network.parameters() {
            let problem = match shapes.get(&parameter.name) {
                None => "is missing".to_owned(),
                Some(shape) if *shape != parameter.shape => {
                    format!("has shape {shape:?}, but `{CONFIG}` makes it {:?}", parameter.shape)
                }
                Some(_) => continue,
            };
            return Err(Failure::input(format!("tensor `{}` of the checkpoint {problem}", parameter.name)));
        }
        let tokenizer = Tokenizer::open(&files)?;
        let (tokens, rows) = (tokenizer.vocabulary_size(), network.sizes().vocabulary);
        if tokens > rows {
            return Err(Failure::input(format!(
                "the tokenizer has {tokens} tokens, but the model only {rows} embeddings"
            )));
        }
        let folder = cx.create_folder("model")?;
        files.copy(CONFIG, &folder)?;
        for path in files.weight_files()? {
            files.copy(&path.file_name().unwrap_or_default().to_string_lossy(), &folder)?;
        }
        if files.get(INDEX).is_some() {
            files.copy(INDEX, &folder)?;
        }
        files.copy_companions(&folder)
    }
}
