//! `adapter`: a LoRA adapter that somebody else trained, from a PEFT folder; and how stages put one beside a model.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    artifact::ADAPTER,
    checkpoint::{adapter, folder::ModelFiles},
    decode::load::Decoder,
    failure::Failure,
    runtime::Runtime,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
};

/// Takes in a PEFT folder.
#[derive(Debug)]
pub enum AdapterKind {}

/// Settings of `adapter`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The folder with `adapter_config.json` and `adapter_model.safetensors`. Relative paths start at the recipe's folder.
    /// The folder enters the key by the content of its files.
    #[serde(skip_serializing)]
    pub path: PathBuf,
}

impl Kind for AdapterKind {
    const NAME: &'static str = "adapter";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a LoRA adapter from a PEFT folder";
    const SECTION: Section = Section::Model;
    type Spec = Spec;

    fn ports(spec: &Spec) -> Ports {
        Ports::default().opens("path", &spec.path).writes("adapter", ADAPTER)
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        if spec.path.as_os_str().is_empty() {
            let hint = format!("name the folder with `{}` and `{}`", adapter::CONFIG, adapter::WEIGHTS);
            return vec![Problem::new("path", "names no folder: it is empty", hint)];
        }
        Vec::new()
    }

    fn run(cx: &Context<'_>, _: &Spec) -> Result<(), Failure> {
        let files = ModelFiles::in_folder(cx.file("path"))?;
        adapter::read(&files)?;
        let folder = cx.create_folder("adapter")?;
        [adapter::CONFIG, adapter::WEIGHTS].iter().try_for_each(|name| files.copy(name, &folder))
    }
}

/// The decoder of the model `files` with the adapter of the input `adapter` beside it, if the stage was given one.
pub(super) fn open_decoder(
    cx: &Context<'_>,
    runtime: &Runtime,
    files: &ModelFiles,
) -> Result<Decoder, Failure> {
    let decoder = Decoder::open(runtime, files)?;
    if cx.has("adapter") { decoder.with_adapter(&ModelFiles::of(cx.input("adapter"))) } else { Ok(decoder) }
}
