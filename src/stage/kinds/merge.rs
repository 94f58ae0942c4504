//! `merge`: a model with an adapter merged into its weights, as a Hugging Face folder; or a model in another element type.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    artifact::{ADAPTER, MODEL},
    checkpoint::{adapter, folder::ModelFiles},
    failure::Failure,
    model::{adapter::write_merged, arch},
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::{Ports, Reference},
    },
    tensor::DType,
};

/// Merges an adapter into a model.
#[derive(Debug)]
pub enum Merge {}

/// An element type of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit brain floats.
    Bf16,
    /// 16-bit IEEE floats; a weight beyond 65504 is an error.
    F16,
}

impl From<Precision> for DType {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::F16 => Self::F16,
        }
    }
}

/// Settings of `merge`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The model.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// The adapter; without one the model is only written in another element type.
    #[serde(default, skip_serializing)]
    pub adapter: Option<Reference>,
    /// The element type of the weights; that of the model by default.
    #[serde(default)]
    pub dtype: Option<Precision>,
}

impl Kind for Merge {
    const NAME: &'static str = "merge";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a model with an adapter merged in, or in another element type";
    type Spec = Spec;

    fn ports(spec: &Spec) -> Ports {
        let ports = Ports::default().reads("model", &spec.model, MODEL);
        let ports = match &spec.adapter {
            Some(adapter) => ports.reads("adapter", adapter, ADAPTER),
            None => ports,
        };
        ports.writes("model", MODEL)
    }

    fn check(spec: &Spec) -> Vec<Problem> {
        if spec.adapter.is_none() && spec.dtype.is_none() {
            let hint = "give it `adapter`, `dtype`, or both";
            return vec![Problem::new("adapter", "there is nothing to merge and nothing to convert", hint)];
        }
        Vec::new()
    }

    fn run(cx: &Context<'_>, spec: &Spec) -> Result<(), Failure> {
        let base = ModelFiles::of(cx.input("model"));
        let network = arch::open(&Json::Object(base.config()?))?;
        let modules = if cx.has("adapter") {
            adapter::read(&ModelFiles::of(cx.input("adapter")))?.modules
        } else {
            BTreeMap::new()
        };
        let folder = cx.create_folder("model")?;
        write_merged(&folder, &base, &*network, &modules, spec.dtype.map(DType::from))
    }
}
